"""A ring buffer between one producer thread and one consumer thread: no locks, no allocation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]


class RingBuffer:
    """Passes frames [n, channels] from one thread to another.

    Each counter is written by one thread only, so no lock is needed: `_written` by the producer,
    `_read` by the consumer. The producer never blocks. When the buffer is full, the frames that
    do not fit are dropped and counted; the consumer can drop the oldest frames with `discard`.
    """

    def __init__(self, frames: int, channels: int) -> None:
        self._data = np.zeros((frames, channels), np.float32)
        self._size, self._written, self._read = frames, 0, 0
        self.dropped = 0  # frames that did not fit

    def __len__(self) -> int:
        return self._written - self._read

    def write(self, block: Audio) -> int:
        """Append frames and return how many of them fitted."""
        count = min(len(block), self._size - len(self))
        self.dropped += len(block) - count
        start = self._written % self._size
        first = min(count, self._size - start)
        self._data[start : start + first] = block[:first]
        self._data[: count - first] = block[first:count]
        self._written += count  # last, so that the consumer never sees half-written frames
        return count

    def read_into(self, out: Audio) -> int:
        """Copy the oldest frames to the start of `out` and return how many there were."""
        count = min(len(out), len(self))
        start = self._read % self._size
        first = min(count, self._size - start)
        out[:first] = self._data[start : start + first]
        out[first:count] = self._data[: count - first]
        self._read += count
        return count

    def discard(self, frames: int) -> int:
        """Drop the oldest frames (called by the consumer) and return how many were dropped."""
        count = min(max(0, frames), len(self))
        self._read += count
        return count
