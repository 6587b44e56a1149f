"""Resampling by a few parts in a million."""

from __future__ import annotations

import numpy as np
import pytest

from rtdenoise.live.fractional_resampler import FractionalResampler


@pytest.mark.parametrize("frequency", [1000, 15_000])
def test_fractional_resampling_is_clean(frequency):
    resampler, ratio = FractionalResampler(), 1 + 400e-6
    resampler.ratio = ratio
    omega = 2 * np.pi * frequency / 48_000
    wave = np.sin(omega * np.arange(48_000)).astype("f")[:, None]
    out = np.concatenate([resampler.process(part) for part in np.split(wave, [1, 480, 700, 9000])])
    expected = np.sin(omega * (np.arange(len(out)) * ratio - resampler.delay))
    assert np.abs(out[100:, 0] - expected[100:]).max() < 1e-4
