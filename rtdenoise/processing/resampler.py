"""Stateful resampling between the host's rate and 48 kHz, without a shift in time."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

Audio = NDArray[np.float32]


class Resampler:
    """Resamples a stream of blocks [frames, channels]; equal rates pass through.

    soxr compensates its filter's delay, so output sample k belongs to time k / target rate. Only
    the moment at which it becomes available varies.
    """

    def __init__(self, source: int, target: int, channels: int) -> None:
        self._make = lambda: soxr.ResampleStream(
            source, target, channels, dtype="float32", quality="VHQ"
        )
        self._same = source == target
        self.reset()

    def reset(self) -> None:
        """Forget all audio."""
        self._stream: soxr.ResampleStream | None = None  # made with the next block

    def process(self, block: Audio) -> Audio:
        """Resample these frames; return the output that is available by now."""
        if self._same:
            return block
        if self._stream is None:
            self._stream = self._make()
        out = self._stream.resample_chunk(np.ascontiguousarray(block))
        return out.reshape(-1, block.shape[1])


class AudioFifo:
    """A first-in, first-out queue of frames [n, channels]."""

    def __init__(self, channels: int) -> None:
        self._data = np.zeros((0, channels), np.float32)

    def __len__(self) -> int:
        return len(self._data)

    def push(self, block: Audio) -> None:
        """Append frames."""
        if len(block):
            self._data = np.concatenate([self._data, block]) if len(self._data) else block

    def pop(self, count: int) -> Audio:
        """Remove and return the oldest `count` frames, or all of them if there are fewer."""
        out, self._data = self._data[:count], self._data[count:]
        return out
