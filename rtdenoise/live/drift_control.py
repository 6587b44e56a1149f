"""Two devices, two clocks: the speaker's ring is kept level by resampling a few parts in a million.

    level = frames waiting, on both sides of the network
    error = level - reference  ->  proportional + integral  ->  ppm  ->  FractionalResampler

As long as the clocks agree the samples pass through untouched. What a stall of the machine has left
waiting goes the same way, unheard, rather than being cut out: latency comes back to what it was.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from .fractional_resampler import FractionalResampler

Audio = NDArray[np.float32]
LARGEST = 500e-6  # and no more: a pitch shift nobody hears
SMOOTHING = 3.0  # s, of the level
SETTLING = 20.0  # s in which an error fades
ENGAGE = 96  # frames of error (2 ms) ...
PROOF = 3.0  # ... for so many seconds prove a drift
QUIET = 2.0  # s after a start or a loss in which levels mean nothing yet
START = 4.0  # s that are then averaged; the first ones give the reference


class DriftControl:
    """Measures the drift between two clocks from the ring's level, and makes up for it."""

    def __init__(self) -> None:
        self.engaged = False
        self._resampler = FractionalResampler()
        self._integral = self._off = 0.0
        self._elapsed = -QUIET
        self._level = self._reference = math.nan

    @property
    def ppm(self) -> float:
        """The correction in force; above zero the speaker's clock is the slower one."""
        return 1e6 * (self._resampler.ratio - 1)

    @property
    def clocks_ppm(self) -> float:
        """By how much the clocks differ, without what makes up for a stall at the moment."""
        return 1e6 * self._integral

    def apply(self, block: Audio) -> Audio:
        """Return the block [frames, 1] at the speaker's clock."""
        return self._resampler.process(block)

    def aim(self, frames: float) -> None:
        """Keep the level so many frames higher from now on, or lower."""
        self._reference += frames

    def hold(self) -> None:
        """Look away for a moment: audio was lost or inserted. The drift itself stays known."""
        self._elapsed, self._level = -QUIET, math.nan
        if self.engaged:
            self._resampler.ratio = 1 + self._integral

    def update(self, level: float, seconds: float) -> None:
        """Note the level (frames waiting) `seconds` after the last time."""
        self._elapsed += seconds
        if self._elapsed < 0:
            return
        if math.isnan(self._level):
            self._level = level
        window = self._elapsed if self._elapsed < START else SMOOTHING
        self._level += (level - self._level) * min(1.0, seconds / max(window, 1e-3))
        if self._elapsed < START:
            return
        if math.isnan(self._reference):
            self._reference = self._level
        error = self._level - self._reference
        if self.engaged:
            self._control(error / SAMPLE_RATE, seconds)
            return
        self._off = self._off + seconds if abs(error) > ENGAGE else 0.0
        self.engaged = self._off > PROOF

    def _control(self, late: float, seconds: float) -> None:
        """`late` in seconds of audio. A critically damped loop: gains 2/T and 1/T^2."""
        wanted = 2 * late / SETTLING + self._integral
        if abs(wanted) < LARGEST:  # at its limit it tells nothing about the drift
            self._integral = _clamp(self._integral + late * seconds / SETTLING**2)
        self._resampler.ratio = 1 + _clamp(wanted)


def _clamp(value: float) -> float:
    return min(max(value, -LARGEST), LARGEST)
