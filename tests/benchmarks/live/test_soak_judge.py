"""What the judge of a soak calls late, different or lost, with synthetic recordings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from benchmarks.live.soak import clock_drift
from benchmarks.live.soak_judge import RATE, _compare, judge, lag_track, locate_in_loop
from rtdenoise import RtdenoiseError
from rtdenoise.live.drift_control import DriftControl


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
    assert row["dropouts"] == [] and row["si_sdr"] > 20
    assert row["live_si_sdr"] > 20


def test_lost_audio_is_a_dropout_and_only_where_it_is_lost():
    audio = voice(12)
    expected = audio[: 10 * RATE]
    speaker = np.concatenate([np.zeros(3000, np.float32), audio])[: 10 * RATE + RATE // 2].copy()
    speaker[4 * RATE : 4 * RATE + 960] = 0
    assert _compare(expected, speaker, None)["dropouts"] == pytest.approx([3.95], abs=0.01)
    shorter = np.delete(speaker, np.s_[4 * RATE : 4 * RATE + 960])  # 20 ms gone, the rest earlier
    assert _compare(expected, np.pad(shorter, (0, 960)), None)["dropouts"] == pytest.approx(
        [3.94], abs=0.2
    )


def test_a_part_of_the_loop_is_found():
    loop = voice(4)
    heard = np.tile(loop, 4)[RATE : 11 * RATE]
    assert locate_in_loop(heard, loop) == RATE
    assert locate_in_loop(heard, loop, near=9 * RATE) == RATE  # a round later
    assert locate_in_loop(heard, loop, near=2 * RATE) == RATE  # wrong: searched for
    heard = heard.copy()
    heard[:RATE] = 0
    assert locate_in_loop(heard, loop) is None


def test_drift_control_at_its_limit_is_no_dropout():
    audio = voice(12)
    expected, length = audio[: 10 * RATE], 10 * RATE + RATE // 2
    ppm = np.where(np.arange(length) < 5 * RATE, 500, -500)
    lag = 3000 + np.cumsum(ppm * 1e-6)
    speaker = map_coordinates(audio, [np.arange(length) - lag], order=5, mode="constant")
    assert _compare(expected, speaker.astype(np.float32), None)["dropouts"] == []


@pytest.mark.parametrize("seconds, level", [(0, 0.1), (5, 0.1), (15, 0.0)])
def test_a_recording_without_a_window_is_refused(tmp_path, seconds, level):
    np.full((seconds * RATE, 2), level, np.float32).tofile(tmp_path / "rec.raw")
    if not seconds:
        np.zeros((1, 2), np.float32).tofile(tmp_path / "rec.raw")
    with pytest.raises(RtdenoiseError, match="holds no 10 s of sound"):
        judge(tmp_path / "rec.raw")


@pytest.mark.parametrize("ppm", [0, 150])
def test_audio_that_piled_up_in_a_stall_is_no_drift_of_the_clocks(ppm):
    """The correction of the last second was reported as the drift: 500 ppm with equal clocks."""
    control, level, states = DriftControl(), 960.0, []
    for i in range(12_000):  # hops of 10 ms
        if i == 10_000:
            level += 4800  # a stall of 100 ms
        level += 480 * (ppm * 1e-6 - (control.ppm * 1e-6 if control.engaged else 0.0))
        control.update(level, 0.01)
        if i % 100 == 0:
            states.append({"clocks_ppm": control.clocks_ppm, "drift_ppm": control.ppm})
    assert states[-1]["drift_ppm"] > 400
    assert abs(clock_drift(states) - ppm) < 20


def test_a_lost_block_and_a_jump_are_no_drift():
    """The lag before and after them stays constant."""
    audio = voice(12)
    expected = audio[: 10 * RATE]
    speaker = np.concatenate([np.zeros(3000, np.float32), audio])[: 10 * RATE + RATE // 2]
    lost = speaker.copy()
    lost[4 * RATE : 4 * RATE + 4800] = 0
    jumped = np.insert(speaker, 6 * RATE, np.zeros(480, np.float32))[: len(speaker)]
    for played, jump in ((lost, 0), (jumped, 480)):
        lag = lag_track(expected, played.astype(np.float32))
        for begin, end, wanted in ((1, 3, 3000), (7, 9, 3000 + jump)):
            assert np.abs(lag[begin * RATE : end * RATE] - wanted).max() < 1.5
