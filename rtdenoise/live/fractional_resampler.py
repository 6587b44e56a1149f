"""Resampling by a few parts per million, for clocks that drift apart; 16 samples of delay.

The variable-rate mode of soxr could do this too, but it delays live audio by 5 ms. At a ratio of
exactly 1 the samples pass unchanged, so the resampler can always stay in the path.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]
TAPS = 32  # of the windowed sinc; a ratio so close to 1 needs no lower cutoff
HALF = TAPS // 2
PHASES = 512  # rows of the weight table, with linear interpolation between them
KAISER_BETA = 9.0


def _table() -> NDArray[np.float32]:
    """Return weights [PHASES + 1, TAPS]; row p is for a point p / PHASES after tap HALF - 1."""
    fraction = np.arange(PHASES + 1)[:, None] / PHASES
    distance = np.arange(TAPS)[None] - (HALF - 1) - fraction
    inside = np.sqrt(np.clip(1 - (distance / HALF) ** 2, 0, 1))
    weights = np.sinc(distance) * np.i0(KAISER_BETA * inside) / np.i0(KAISER_BETA)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


class FractionalResampler:
    """Resamples a stream [frames, 1]; each output frame consumes `ratio` input frames."""

    delay = HALF  # frames

    def __init__(self) -> None:
        self.ratio = 1.0
        self._table = _table()
        self._history = np.zeros(TAPS - 1, np.float32)
        self._position = float(HALF - 1)  # of the next output frame, in the history

    def process(self, block: Audio) -> Audio:
        """Take in frames [frames, 1] and return the output frames that they complete."""
        audio = np.concatenate([self._history, block[:, 0]])
        count = max(0, int((len(audio) - HALF - 1 - self._position) / self.ratio) + 1)
        position = self._position + self.ratio * np.arange(count + 1)
        left = position[:-1].astype(np.int64)
        if self.ratio == 1.0 and self._position == int(self._position):
            out = audio[left]
        else:
            out = self._interpolate(audio, left, position[:-1] - left)
        start = int(position[-1]) - HALF + 1
        self._history, self._position = audio[start:], float(position[-1]) - start
        return out[:, None]

    def _interpolate(self, audio: NDArray, left: NDArray, fraction: NDArray) -> Audio:
        row, part = np.divmod(fraction * PHASES, 1.0)
        row, part = row.astype(np.int64), part.astype(np.float32)[:, None]
        weights = self._table[row] * (1 - part) + self._table[row + 1] * part
        windows = np.lib.stride_tricks.sliding_window_view(audio, TAPS)[left - HALF + 1]
        return np.einsum("nk,nk->n", windows, weights)
