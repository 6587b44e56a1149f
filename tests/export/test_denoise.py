"""`denoise_audio` as `train` and `export` offer it: checkpoints and ONNX models."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import RtdenoiseError
from tests.command import noise, only
from train import denoise_audio


def test_a_checkpoint_gives_what_its_onnx_file_gives(tmp_path, toy_stream_model, toy_checkpoint):
    noisy = tmp_path / "noisy.wav"
    sf.write(noisy, noise(30_000), 48_000, subtype="PCM_24")
    denoise_audio(toy_stream_model, noisy, tmp_path / "a.wav")
    denoise_audio(toy_checkpoint, noisy, tmp_path / "b.wav")
    a, b = (sf.read(tmp_path / name)[0] for name in ("a.wav", "b.wav"))
    assert np.abs(a).max() > 1e-3
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    sf.write(tmp_path / "noisy.wav", noise(4800), 48_000)
    (tmp_path / "other.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(RtdenoiseError, match="checkpoint"):
        denoise_audio(tmp_path / "other.pth", tmp_path / "noisy.wav", tmp_path / "c.wav")
    only(tmp_path, "noisy.wav", "other.pth")
