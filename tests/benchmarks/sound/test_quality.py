"""The quality benchmark's own arithmetic, and the table on two small clips."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf

from benchmarks.sound import quality
from rtdenoise import RtdenoiseError
from rtdenoise.compare.metrics import si_sdr


def wave(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(48_000).astype("f") * 0.1


def test_si_sdr_knows_no_scale_and_measures_noise():
    clean, noise = wave(), wave(1)
    assert si_sdr(clean, clean + 0.1 * noise) == pytest.approx(20, abs=0.2)
    assert si_sdr(clean, 7 * (clean + 0.1 * noise)) == pytest.approx(20, abs=0.2)


def test_log_spectral_distance():
    clean = wave()
    assert quality.log_spectral_distance(clean, clean) == 0
    assert quality.log_spectral_distance(clean, clean * 0.5) == pytest.approx(6.02, abs=0.01)


def test_means_by_snr_follow_the_manifest(tmp_path):
    (tmp_path / "manifest.csv").write_text("file,snr\na.flac,10\nb.flac,-5\nc.flac,10\n")
    rows = [
        dict.fromkeys(quality.COLUMNS, v) | {"clip": c}
        for c, v in zip("abc", (1, 2, 4), strict=True)
    ]
    means = quality.by_snr(tmp_path, rows)
    assert list(means) == ["-5", "10"] and means["10"]["PESQ"] == 2.5 and means["-5"]["SIG"] == 2
    assert quality.by_snr(tmp_path / "nowhere", rows) == {}


def test_a_table_for_a_folder(tmp_path, toy_stream_model, monkeypatch):
    for kind in ("clean", "noisy"):
        (tmp_path / "clips" / kind).mkdir(parents=True)
        for name in "ab":
            sf.write(tmp_path / "clips" / kind / f"{name}.flac", wave(len(kind)), 48_000)
    fixed = dict.fromkeys(quality.COLUMNS, 1.0)
    monkeypatch.setattr(quality, "score", lambda clean, estimate: fixed)
    monkeypatch.setattr(
        quality,
        "harmlessness",
        lambda clips, run, each: {"clean_PESQ": 4.0, "clean_SISDR": 20.0, "noise_only_dB": 30.0},
    )
    text = quality.quality(tmp_path / "clips", [str(toy_stream_model)], tmp_path / "out" / "q")
    assert "| noisy |" in text and "| rtdenoise toy 0.1.0 |" in text
    assert (tmp_path / "out/q.json").exists() and (tmp_path / "out/q.md").exists()
    with pytest.raises(RtdenoiseError, match="no clips"):
        quality.load_clips(tmp_path)
