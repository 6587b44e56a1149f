"""Two clocks that drift apart."""

from __future__ import annotations

import numpy as np
import pytest

from rtdenoise.live.drift_control import DriftControl
from rtdenoise.live.fractional_resampler import FractionalResampler


def drifting(
    ppm: float, minutes: float, left_behind: float = 0.0
) -> tuple[list[float], list[np.ndarray], DriftControl]:
    """Simulate a speaker whose clock is `ppm` slower; return levels, blocks and the control.

    After 20 s a stall adds `left_behind` frames to the level.
    """
    control, rng = DriftControl(), np.random.default_rng(0)
    level, levels, heard, phase = 960.0, [], [], 0.0
    for i in range(int(minutes * 6000)):
        if i == 2000 and left_behind:
            level += left_behind
            control.pause()
        time_ = phase + np.arange(480)
        phase += 480
        block = np.sin(2 * np.pi * 1000 / 48_000 * time_)[:, None].astype("f")
        out = control.resample(block)
        heard.append(out)
        level += len(out) - 480 * (1 - ppm * 1e-6)
        levels.append(level)
        control.update(level + rng.uniform(-240, 240), 0.01)  # callbacks have jitter
    return levels, heard, control


@pytest.mark.parametrize("ppm", [200, -300])
def test_drift_is_measured_and_latency_does_not_grow(ppm):
    levels, heard, control = drifting(ppm, 4)
    end = np.mean(levels[-3000:])
    assert control.engaged and abs(control.ppm - ppm) < 40
    assert abs(end - 960) < 100  # 2 ms; without control it would be 2304 frames off
    wave = np.concatenate(heard)[100:, 0]
    assert np.abs(np.diff(wave, 2)).max() < 0.0172  # no click where resampling starts


@pytest.mark.parametrize("ppm", [0, 200])
def test_surplus_after_a_stall_disappears_within_minutes_without_a_cut(ppm):
    levels, heard, control = drifting(ppm, 4, left_behind=1440)  # 30 ms
    assert max(levels) > 2000 and np.abs(np.array(levels[-6000:]) - 960).max() < 100
    assert abs(control.ppm - ppm) < 60
    wave = np.concatenate(heard)[100:, 0]
    assert np.abs(np.diff(wave, 2)).max() < 0.0172


def test_without_drift_the_samples_pass_unchanged():
    _, heard, control = drifting(0, 1)
    expected = np.sin(2 * np.pi * 1000 / 48_000 * np.arange(len(heard) * 480)).astype("f")
    late = FractionalResampler.delay
    assert not control.engaged
    assert np.array_equal(np.concatenate(heard)[late:, 0], expected[:-late])
