"""Two devices have two clocks: resampling by a few parts per million keeps the latency constant.

    level = frames waiting, before and after the network
    error = level - reference  ->  proportional + integral  ->  ppm  ->  FractionalResampler

While the clocks agree, the samples pass unchanged. Audio that piled up while the machine stood
still is reduced in the same inaudible way instead of being cut out, so that the latency returns to
its old value.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from .fractional_resampler import FractionalResampler

Audio = NDArray[np.float32]
MAX_CORRECTION = 500e-6  # an inaudible change of pitch
SMOOTHING = 3.0  # s over which the level is averaged
SETTLING = 20.0  # s in which an error disappears
ENGAGE_FRAMES = 96  # an error of 2 ms ...
ENGAGE_SECONDS = 3.0  # ... for so long shows that the clocks differ
SETTLE_SECONDS = 2.0  # after a start or a gap the level says nothing yet
REFERENCE_SECONDS = 4.0  # then the level is averaged for so long; the first average is the goal


class DriftControl:
    """Measures how far two clocks drift apart, from the buffer level, and compensates for it."""

    def __init__(self) -> None:
        self.engaged = False
        self._resampler = FractionalResampler()
        self._integral = self._error_seconds = 0.0
        self._elapsed = -SETTLE_SECONDS
        self._level = self._reference = math.nan

    @property
    def ppm(self) -> float:
        """The present correction; it is positive if the speaker's clock is the slower one."""
        return 1e6 * (self._resampler.ratio - 1)

    @property
    def clocks_ppm(self) -> float:
        """How far the clocks differ, without the correction of what piled up in a stall."""
        return 1e6 * self._integral

    def resample(self, block: Audio) -> Audio:
        """Return the block [frames, 1] on the speaker's clock."""
        return self._resampler.process(block)

    def move_reference(self, frames: float) -> None:
        """Keep the level so many frames higher from now on (lower if negative)."""
        self._reference += frames

    def pause(self) -> None:
        """Ignore the level for a moment: audio was lost or inserted. The known drift is kept."""
        self._elapsed, self._level = -SETTLE_SECONDS, math.nan
        if self.engaged:
            self._resampler.ratio = 1 + self._integral

    def update(self, level: float, seconds: float) -> None:
        """Take in the level (frames waiting), `seconds` after the last call."""
        self._elapsed += seconds
        if self._elapsed < 0:
            return
        self._smooth(level, seconds)
        if self._elapsed < REFERENCE_SECONDS:
            return
        if math.isnan(self._reference):
            self._reference = self._level
        error = self._level - self._reference
        if self.engaged:
            self._correct(error / SAMPLE_RATE, seconds)
            return
        too_far = abs(error) > ENGAGE_FRAMES
        self._error_seconds = self._error_seconds + seconds if too_far else 0.0
        self.engaged = self._error_seconds > ENGAGE_SECONDS

    def _smooth(self, level: float, seconds: float) -> None:
        if math.isnan(self._level):
            self._level = level
        window = self._elapsed if self._elapsed < REFERENCE_SECONDS else SMOOTHING
        self._level += (level - self._level) * min(1.0, seconds / max(window, 1e-3))

    def _correct(self, error: float, seconds: float) -> None:
        """Set the ratio for an `error` in seconds of audio.

        A critically damped PI controller with the time constant T = SETTLING: gains 2/T and 1/T^2.
        """
        wanted = 2 * error / SETTLING + self._integral
        if abs(wanted) < MAX_CORRECTION:  # no integration at the limit (anti-windup)
            self._integral = _clamp(self._integral + error * seconds / SETTLING**2)
        self._resampler.ratio = 1 + _clamp(wanted)


def _clamp(value: float) -> float:
    return min(max(value, -MAX_CORRECTION), MAX_CORRECTION)
