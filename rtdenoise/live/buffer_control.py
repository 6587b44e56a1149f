"""How much audio is buffered for the speaker: more after an underrun, less after a calm time.

Buffered audio is latency, so the target is as small as possible: one hop, plus what the user asks
for (`--safety-ms`). A machine that stood still leaves more audio behind than the target. A large
surplus is dropped at once; a small one is removed inaudibly by resampling (`DriftControl`).
"""

from __future__ import annotations

import time

import numpy as np

from ..constants import SAMPLE_RATE
from .counters import Counters
from .drift_control import DriftControl
from .duplex_buffer import BLOCK, DuplexBuffer

SHRINK_AFTER = 10.0  # s without an underrun before the target shrinks; doubled each time ...
MAX_SHRINK_AFTER = 640.0  # ... that the next underrun shows it was too soon, up to this
AVERAGING = 4.0  # s over which the level is averaged
SURPLUS_SECONDS = 1.0  # a surplus is what stayed in the ring for so long
MAX_TARGET_HOPS = 8  # limit for the target when it grows after underruns
MAX_TARGET = SAMPLE_RATE * 3 // 4  # frames; the ring buffer holds one second


class BufferControl:
    """Controls the level of one `DuplexBuffer`. All lengths are in frames."""

    def __init__(self, buffer: DuplexBuffer, counters: Counters, hop: int, safety: int) -> None:
        """`hop` is the worker's smallest step, `safety` is held beyond it."""
        self.buffer, self.counters, self.drift = buffer, counters, DriftControl()
        self.hop, self.safety = hop, safety
        self.average_level = 0.0  # before and after the network; 0 until audio plays
        self._averaged = 0.0  # s in that average
        self._counted_underruns = self._counted_device_underruns = 0
        self._last_update = time.monotonic()
        self._shrink_after, self._shrunk = SHRINK_AFTER, False
        self._lowest, self._lowest_since = SAMPLE_RATE, time.monotonic()
        self.target = buffer.prefill = hop + safety

    def update(self, hops: int) -> None:
        """Adjust the target; the worker calls this after each step of `hops` hops."""
        buffer, now, frames = self.buffer, time.monotonic(), hops * self.hop
        self._adjust_target(frames, now)
        self._count_device_underruns()
        if buffer.playing:
            self.drift.update(buffer.level(), now - self._last_update)
        self._last_update = now
        self._drop_late_input(frames)
        self._drop_surplus(frames)

    def measure(self, seconds: float) -> None:
        """Average the level; call this every so many seconds, independently of the worker.

        The worker wakes up when audio arrives. If audio arrives in bursts, the level that the
        worker sees is higher than the average.
        """
        if self.buffer.playing:
            self._averaged = min(self._averaged + seconds, AVERAGING)
            self.average_level += (
                (self.buffer.level() - self.average_level) * seconds / self._averaged
            )

    def grow_for(self, hops: int) -> None:
        """Buffer enough for steps of `hops` hops from now on: silence is inserted."""
        self.drift.pause()
        missing = min(hops * self.hop + self.safety, MAX_TARGET) - self.target
        if missing > 0:
            self.buffer.to_play.write(np.zeros((missing, 1), np.float32))
            self._set_target(self.target + missing)

    def _adjust_target(self, frames: int, now: float) -> None:
        buffer, step = self.buffer, self.hop
        new = buffer.underruns - self._counted_underruns
        if new > 0:
            self.counters.underruns += new
            self._counted_underruns += new
            self.drift.pause()
            self._set_target(min(self.target + step, MAX_TARGET_HOPS * step + self.safety))
            if self._shrunk:
                self._shrink_after = min(2 * self._shrink_after, MAX_SHRINK_AFTER)
                self._shrunk = False
        elif self.target > frames + self.safety and now - buffer.last_underrun > self._shrink_after:
            self._shrunk = True
            self._set_target(self.target - step)
            buffer.last_underrun = now

    def _set_target(self, frames: int) -> None:
        """Set how many frames to hold for the speaker beyond the block that it asks for."""
        frames = min(frames, MAX_TARGET)
        self.drift.move_reference(frames - self.target)
        self.target = self.buffer.prefill = frames

    def _count_device_underruns(self) -> None:
        """Count them only: more audio in the ring would not have prevented them."""
        new = self.buffer.device_underruns - self._counted_device_underruns
        self.counters.device_underruns += new
        self._counted_device_underruns += new

    def _drop_late_input(self, frames: int) -> None:
        """Drop the oldest input if the worker is several steps behind."""
        excess = len(self.buffer.captured) - 4 * frames - self.safety
        if excess > 0:
            self.counters.overruns += 1
            self.drift.pause()
            self.buffer.captured.discard(excess // self.hop * self.hop)

    def _drop_surplus(self, frames: int) -> None:
        """Drop output that was never needed during a second.

        A shorter time proves nothing: callbacks may come late and then in a burst.
        """
        self._lowest = min(self._lowest, len(self.buffer.to_play))
        now = time.monotonic()
        if now - self._lowest_since < SURPLUS_SECONDS:
            return
        surplus = self._lowest - (self.target + frames + 2 * BLOCK)
        if surplus > 0:
            self.buffer.frames_to_drop = surplus
            self.drift.pause()
        self._lowest, self._lowest_since = SAMPLE_RATE, now
