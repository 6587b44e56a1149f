"""A ring buffer between one producing and one consuming thread, without locks or allocation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]


class Ring:
    """Frames [n, channels] from one thread to another.

    Each counter is written by one thread only, so no lock is needed: `_written` by the producer,
    `_read` by the consumer. The producer never blocks; where the ring is full, what does not fit
    is dropped and counted, and `discard` lets the consumer drop the oldest.
    """

    def __init__(self, frames: int, channels: int) -> None:
        self._data = np.zeros((frames, channels), np.float32)
        self._size, self._written, self._read = frames, 0, 0
        self.dropped = 0  # frames that did not fit

    def __len__(self) -> int:
        return self._written - self._read

    def write(self, block: Audio) -> int:
        """Append frames; returns how many fitted."""
        count = min(len(block), self._size - len(self))
        self.dropped += len(block) - count
        start = self._written % self._size
        first = min(count, self._size - start)
        self._data[start : start + first] = block[:first]
        self._data[: count - first] = block[first:count]
        self._written += count  # last: the consumer sees whole frames only
        return count

    def read_into(self, out: Audio) -> int:
        """Fill `out` from the oldest frames; returns how many there were."""
        count = min(len(out), len(self))
        start = self._read % self._size
        first = min(count, self._size - start)
        out[:first] = self._data[start : start + first]
        out[first:count] = self._data[: count - first]
        self._read += count
        return count

    def discard(self, frames: int) -> int:
        """Drop the oldest frames (consumer's side); returns how many."""
        count = min(max(0, frames), len(self))
        self._read += count
        return count
