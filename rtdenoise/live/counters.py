"""What went wrong in a live run, and how long computing took."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class Counters:
    """Counted over the whole run, through lost devices and all."""

    underruns: int = 0  # the ring was empty when the speaker asked
    device_underruns: int = 0  # the speaker's device was, as it could not ask in time
    overruns: int = 0
    deadline_misses: int = 0
    reconnects: int = 0
    overloads: int = 0
    hops: int = 0
    times: list[float] = dataclasses.field(default_factory=list)  # s per hop, the newest 10 min

    def add(self, seconds: float, hops: int, budget: float) -> None:
        """Count `hops` computed in `seconds`, with `budget` seconds of audio each."""
        self.hops += hops
        self.deadline_misses += seconds > hops * budget
        self.times.append(seconds / hops)
        if len(self.times) > 120_000:
            del self.times[:60_000]
