"""The soak's judge: what it calls late, different or lost, on made-up recordings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from benchmarks.soak_judge import RATE, _compare, _same_part, lag_track


def voice(seconds: int) -> np.ndarray:
    """Noise up to 6 kHz that swells and ebbs, [frames]."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(seconds * RATE))
    spectrum[np.fft.rfftfreq(seconds * RATE, 1 / RATE) > 6000] = 0
    swell = 1 + np.sin(np.arange(seconds * RATE) / RATE * 3)
    return (0.1 * swell * np.fft.irfft(spectrum)).astype(np.float32)


@pytest.mark.parametrize("ppm", [0, 150])
def test_a_lag_is_followed_as_it_drifts(ppm):
    audio = voice(12)
    expected, length = audio[: 10 * RATE], 10 * RATE + RATE // 2
    lag = 3000 + ppm * 1e-6 * np.arange(length)
    speaker = map_coordinates(audio, [np.arange(length) - lag], order=5, mode="constant")
    row = _compare(expected, speaker.astype(np.float32), 0.5 * expected)
    found = lag_track(expected, speaker.astype(np.float32))
    assert np.abs(found - lag[: len(found)])[RATE:-RATE].max() < 1.5
    assert row["late_ms"] == pytest.approx(lag[5 * RATE] / 48, abs=0.02)
    assert row["dropouts"] == 0 and row["si_sdr"] > 20
    assert row["live_si_sdr"] > 20


def test_lost_audio_is_a_dropout_and_only_where_it_is_lost():
    audio = voice(12)
    expected = audio[: 10 * RATE]
    speaker = np.concatenate([np.zeros(3000, np.float32), audio])[: 10 * RATE + RATE // 2].copy()
    speaker[4 * RATE : 4 * RATE + 960] = 0
    assert _compare(expected, speaker, None)["dropouts"] == 1
    shorter = np.delete(speaker, np.s_[4 * RATE : 4 * RATE + 960])  # 20 ms gone, the rest earlier
    assert 1 <= _compare(expected, np.pad(shorter, (0, 960)), None)["dropouts"] <= 2


def test_the_clean_part_is_found_by_the_noisy_one():
    clean, rng = voice(4), np.random.default_rng(1)
    noisy = clean + 0.05 * rng.standard_normal(len(clean)).astype(np.float32)
    heard = np.tile(noisy, 4)[RATE : 11 * RATE]
    np.testing.assert_array_equal(
        _same_part(heard, noisy, clean), np.tile(clean, 4)[RATE : 11 * RATE]
    )
    heard = heard.copy()
    heard[:RATE] = 0
    assert _same_part(heard, noisy, clean) is None
