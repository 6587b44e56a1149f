"""Two devices, two clocks: the speaker's ring is kept level by resampling a few parts in a million.

    level = frames waiting, on both sides of the network
    error = level - reference  ->  proportional + integral  ->  ppm  ->  soxr at a variable rate

As long as the clocks agree nothing is resampled: the samples pass through untouched.
"""

from __future__ import annotations

import math

import numpy as np
import soxr
from numpy.typing import NDArray

from .card import SAMPLE_RATE

Audio = NDArray[np.float32]
LARGEST = 500.0  # ppm, and no more: a pitch shift nobody hears
SMOOTHING = 3.0  # s, of the level
SETTLING = 15.0  # s in which an error fades
ENGAGE = 96  # frames of error (2 ms) ...
PROOF = 3.0  # ... for so many seconds prove a drift
START = 4.0  # s whose mean is the reference


class DriftControl:
    """Measures the drift between two clocks from the ring's level, and makes up for it.

    `ppm` is the correction in force; above zero the speaker's clock is the slower one.
    """

    def __init__(self) -> None:
        self.ppm = 0.0
        self._integral, self._level, self._reference = 0.0, math.nan, math.nan
        self._elapsed = self._off = 0.0
        self._resampler: soxr.ResampleStream | None = None
        self._surplus = self._held = 0
        self._recent = np.zeros((0, 1), np.float32)

    @property
    def engaged(self) -> bool:
        """Whether audio is being resampled."""
        return self._resampler is not None

    def shift(self, frames: float) -> None:
        """Tell that the level was moved on purpose."""
        self._reference += frames
        self._level += frames

    def rebase(self) -> None:
        """Take the level anew: audio was lost or inserted. The drift itself stays known."""
        self._elapsed, self._level, self._reference = 0.0, math.nan, math.nan

    def update(self, level: float, seconds: float) -> None:
        """Note the level (frames waiting) `seconds` after the last time."""
        level += self._held
        if math.isnan(self._level):
            self._level, self._elapsed = level, 0.0
        self._elapsed += seconds
        window = min(SMOOTHING, self._elapsed) if self._elapsed > START else self._elapsed
        self._level += (level - self._level) * min(1.0, seconds / max(window, 1e-3))
        if self._elapsed < START:
            return
        if math.isnan(self._reference):
            self._reference = self._level
        error = self._level - self._reference
        if self._resampler is None:
            self._off = self._off + seconds if abs(error) > ENGAGE else 0.0
            if self._off > PROOF:
                self._engage()
            return
        self._control(error / SAMPLE_RATE, seconds)

    def apply(self, block: Audio) -> Audio:
        """Return the block [frames, 1] at the speaker's clock; the very same block if none runs."""
        self._recent = block
        if self._resampler is None:
            return block
        out = self._resampler.resample_chunk(np.ascontiguousarray(block)).reshape(-1, 1)
        if self._surplus:  # the first block: the filter may lag by a sample or two
            out, self._surplus = out[self._surplus :], 0
            fade = np.linspace(0, 1, len(out), dtype=np.float32)[:, None]
            out = block[: len(out)] * (1 - fade) + out * fade
        return out

    def _control(self, late: float, seconds: float) -> None:
        """`late` in seconds of audio. A critically damped loop: gains 2/T and 1/T^2."""
        self._integral += late * seconds / SETTLING**2
        self._integral = min(max(self._integral, -LARGEST * 1e-6), LARGEST * 1e-6)
        ppm = 1e6 * (2 * late / SETTLING + self._integral)
        self.ppm = min(max(ppm, -LARGEST), LARGEST)
        assert self._resampler is not None
        self._resampler.set_io_ratio(1 + self.ppm * 1e-6, 1.0, 480)

    def _engage(self) -> None:
        """Start to resample where the last block ended; what the filter holds back was played."""
        self._resampler = soxr.ResampleStream(
            1 + 2 * LARGEST * 1e-6, 1.0, 1, dtype="float32", quality="HQ", vr=True
        )
        self._resampler.set_io_ratio(1.0, 1.0, 0)
        warm = np.tile(self._recent, (4, 1))
        held = len(warm) - len(self._resampler.resample_chunk(warm))
        self._surplus = self._held = held
