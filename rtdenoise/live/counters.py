"""What is counted in a live session: errors, computing time and signal levels."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE

METER_SECONDS = 0.2  # over which a level is smoothed
MAX_TIMES = 120_000  # hops; the older half is forgotten beyond that


@dataclasses.dataclass
class Counters:
    """Totals of a whole session; they continue when a device was lost and reopened."""

    underruns: int = 0  # the ring buffer was empty when the speaker asked for audio
    device_underruns: int = 0  # the speaker's device was empty, because it was asked too late
    overruns: int = 0
    deadline_misses: int = 0
    reconnects: int = 0
    overloads: int = 0
    hops: int = 0
    times: list[float] = dataclasses.field(default_factory=list)  # s per hop, the newest 10 min

    def add_hops(self, hops: int, seconds: float, budget: float) -> None:
        """Count `hops` computed in `seconds`; each of them holds `budget` seconds of audio."""
        self.hops += hops
        self.deadline_misses += seconds > hops * budget
        self.times.append(seconds / hops)
        if len(self.times) > MAX_TIMES:
            del self.times[: MAX_TIMES // 2]


class LevelMeter:
    """Smooths the mean power of a signal."""

    def __init__(self) -> None:
        self.power = 0.0

    def update(self, block: NDArray[np.float32]) -> None:
        """Take in a block of audio at 48 kHz, [frames, channels]."""
        weight = min(1.0, len(block) / SAMPLE_RATE / METER_SECONDS)
        self.power += (float(np.mean(np.square(block))) - self.power) * weight
