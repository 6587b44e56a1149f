"""How much audio is held ready for the speaker: more after an underrun, less when all is calm.

What is held is heard late, so that there is as little of it as will do: one hop and what the user
wants for safety. Stalls leave more behind than was asked for. Much of it is dropped at once, a
little goes by resampling (drift): nobody hears that.
"""

from __future__ import annotations

import time

import numpy as np

from ..constants import SAMPLE_RATE
from .bridge import BLOCK, Bridge
from .counters import Counters
from .drift_control import DriftControl

CALM = 10.0  # s without an underrun until the fill target shrinks again; doubled each time ...
CALMEST = 640.0  # ... that this proved too soon, up to so many
WINDOW = 4.0  # s over which what is waiting is averaged
MOST_HOPS = 8  # largest fill target ...
MOST = SAMPLE_RATE * 3 // 4  # ... in frames: the ring holds a second


class FillControl:
    """Watches the rings of one `Bridge`. All lengths in frames; `hop` of the worker's smallest."""

    def __init__(self, bridge: Bridge, counters: Counters, hop: int, safety: int) -> None:
        self.bridge, self.counters, self.drift = bridge, counters, DriftControl()
        self.hop, self.safety = hop, safety
        self.waiting = self._heard = 0.0  # on both sides of the network; 0 before audio
        self._seen_underruns, self._noted, self._calm = 0, time.monotonic(), CALM
        self._seen_dry = 0
        self._shrunk = False
        self._lowest, self._lowest_since = SAMPLE_RATE, time.monotonic()
        self.target = bridge.reserve = hop + safety

    def adapt(self, hops: int) -> None:
        """Set the target anew, after the worker took a step of so many hops."""
        bridge, now, frames = self.bridge, time.monotonic(), hops * self.hop
        least = frames + self.safety
        if bridge.underruns > self._seen_underruns:
            self.counters.underruns += bridge.underruns - self._seen_underruns
            self._seen_underruns = bridge.underruns
            self.drift.hold()
            self._set_target(min(self.target + self.hop, MOST_HOPS * self.hop + self.safety))
            if self._shrunk:
                self._calm, self._shrunk = min(2 * self._calm, CALMEST), False
        elif self.target > least and now - bridge.last_underrun > self._calm:
            self._shrunk = True
            self._set_target(self.target - self.hop)
            bridge.last_underrun = now
        if bridge.dry > self._seen_dry:  # more in the ring would not have helped
            self.counters.device_underruns += bridge.dry - self._seen_dry
            self._seen_dry = bridge.dry
        if bridge.playing:
            self.drift.update(bridge.level(), now - self._noted)
        self._noted = now
        self._drop_surplus(frames)

    def note(self, seconds: float) -> None:
        """Average what is waiting; to be called every so many seconds, whatever the worker does.

        The worker wakes when audio comes: where that is in bursts, it sees more than the average.
        """
        if self.bridge.playing:
            self._heard = min(self._heard + seconds, WINDOW)
            self.waiting += (self.bridge.level() - self.waiting) * seconds / self._heard

    def overloaded(self, hops: int) -> None:
        """Hold enough ready for steps of so many hops from now on."""
        self.drift.hold()
        if (missing := min(hops * self.hop + self.safety, MOST) - self.target) > 0:
            self.bridge.to_play.write(np.zeros((missing, 1), np.float32))
            self._set_target(self.target + missing)

    def _set_target(self, frames: int) -> None:
        """Set how many frames to hold ready for the speaker beyond the block it asks for."""
        frames = min(frames, MOST)
        self.drift.aim(frames - self.target)
        self.target = self.bridge.reserve = frames

    def _drop_surplus(self, frames: int) -> None:
        bridge = self.bridge
        excess = len(bridge.captured) - 4 * frames - self.safety
        if excess > 0:  # the worker fell behind: the oldest input goes
            self.counters.overruns += 1
            self.drift.hold()
            bridge.captured.discard(excess // self.hop * self.hop)
        # Callbacks may come late and then in a burst: what never ran low in a second is too much.
        self._lowest = min(self._lowest, len(bridge.to_play))
        now = time.monotonic()
        if now - self._lowest_since < 1.0:
            return
        surplus = self._lowest - (self.target + frames + 2 * BLOCK)
        if surplus > 0:  # the callback drops it: a ring has one consumer
            bridge.drop = surplus
            self.drift.hold()
        self._lowest, self._lowest_since = SAMPLE_RATE, now
