"""`Denoiser` and `denoise_audio`: the shape, place and level of what comes back."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError, denoise_audio
from tests.command import noise, only


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_rates_and_channels_are_kept(tmp_path, toy_stream_model, rate, channels):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    sf.write(source, noise(rate // 3 + 1, channels), rate, subtype="FLOAT")
    Denoiser(toy_stream_model).file(source, target)
    before, after = sf.info(source), sf.info(target)
    assert (after.frames, after.samplerate, after.channels, after.subtype) == (
        before.frames,
        rate,
        channels,
        "FLOAT",
    )
    only(tmp_path, "in.wav", "out.wav")


@pytest.mark.parametrize("frames", [1, 5000, 60_000])
def test_a_recording_is_led_up_to_by_its_mirror_image(tmp_path, toy_stream_model, frames):
    audio, lead = noise(frames)[:, 0], 28_800
    turned = np.pad(audio, (lead, 0), mode="reflect")
    expected = Denoiser(toy_stream_model, opening=0)(turned, 48_000)[lead:]
    got = Denoiser(toy_stream_model)(audio, 48_000)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert np.abs(got - Denoiser(toy_stream_model, opening=0)(audio, 48_000)).max() > 1e-3
    sf.write(tmp_path / "in.wav", audio, 48_000, subtype="FLOAT")
    Denoiser(toy_stream_model).file(tmp_path / "in.wav", tmp_path / "out.wav")
    np.testing.assert_allclose(sf.read(tmp_path / "out.wav")[0], got, atol=1e-5)


@pytest.mark.parametrize("opening", [-1.0, float("nan"), float("inf")])
def test_an_opening_that_makes_no_sense_is_refused(toy_stream_model, opening):
    with pytest.raises(RtdenoiseError, match="opening"):
        Denoiser(toy_stream_model, opening=opening)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_output_is_aligned_to_the_sample(toy_stream_model, rate):
    """The dry path goes through the same buffers: it must come back exactly where it was."""
    audio = noise(rate)
    np.testing.assert_allclose(Denoiser(toy_stream_model, mix=0.0)(audio, rate), audio, atol=1e-6)
    assert np.abs(Denoiser(toy_stream_model)(audio, rate) - audio).max() > 0.01


def test_denoise_audio_takes_onnx_and_checkpoints(tmp_path, toy_stream_model, toy_checkpoint):
    noisy = tmp_path / "noisy.wav"
    sf.write(noisy, noise(30_000), 48_000, subtype="PCM_24")
    denoise_audio(toy_stream_model, noisy, tmp_path / "a.wav")
    denoise_audio(toy_checkpoint, noisy, tmp_path / "b.wav")
    a, b = (sf.read(tmp_path / name)[0] for name in ("a.wav", "b.wav"))
    np.testing.assert_allclose(a, b, atol=1e-4)
    (tmp_path / "other.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(RtdenoiseError, match="no checkpoint"):
        denoise_audio(tmp_path / "other.pth", noisy, tmp_path / "c.wav")
