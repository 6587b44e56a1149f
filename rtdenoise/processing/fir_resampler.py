"""Resampling with a short filter: milliseconds of delay where soxr's best quality needs up to 300.

Each block of inputs gives a block of outputs, by one matrix product. At 16 -> 48 kHz, for example:

    inputs   |-- 32 --|- block -|-- 32 --|      a window; the next one begins one block later
    outputs           |- block -|               = window @ weights

The filter is a sinc with a Kaiser window: flat up to 0.9 of the lower rate's half, 6 dB down at it,
100 dB down at 1.1. What is left above it folds back onto itself on the way back.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]
HALF = 32  # samples of the lower rate on each side of an output sample
KAISER_BETA = 10.06  # 0.1102 (A - 8.7) for A = 100 dB (Kaiser 1974)
MIN_OUTPUTS = 8  # of a block, so that a window is not read for a single sample
MAX_WEIGHTS = 70_000  # 22.05 kHz has the most of the usual rates
MAX_PRODUCTS = 200_000  # of one matrix product; OpenBLAS uses several threads from 262,144 on


@lru_cache(maxsize=32)
def _weights(source: int, target: int, stride: int, outputs: int) -> Audio:
    """Return [window, outputs]: the share of each input of a window in each output of a block.

    Output j is at j / target seconds, input i at (i - reach) / source.
    """
    reach, lower = _reach(source, target), min(source, target)
    inputs = 2 * reach + 1 + (outputs - 1) * stride // outputs
    seconds = np.arange(outputs) / target - (np.arange(inputs)[:, None] - reach) / source
    inside = np.sqrt(np.clip(1 - (seconds * lower / HALF) ** 2, 0, None))
    window = np.i0(KAISER_BETA * inside) * (inside > 0) / np.i0(KAISER_BETA)
    weights = np.sinc(seconds * lower) * window
    normalised: Audio = (weights / weights.sum(axis=0)).astype(np.float32)
    normalised.flags.writeable = False  # all streams share it
    return normalised


def _reach(source: int, target: int) -> int:
    """Return how many inputs before and after its own time an output needs."""
    return math.ceil(HALF * max(1.0, source / target))


def _block(source: int, target: int) -> tuple[int, int]:
    """Return the inputs and outputs of a block: the same whole number of periods."""
    divisor = math.gcd(source, target)
    periods = 1
    while periods * target // divisor < MIN_OUTPUTS:
        periods *= 2
    return periods * source // divisor, periods * target // divisor


class FirResampler:
    """Resamples a stream of blocks [frames, channels] with a short filter.

    Output sample k belongs to time k / target rate, as in `Resampler`. It is returned as soon as
    the inputs of its block have come, whatever the lengths of the blocks before.
    """

    def __init__(self, source: int, target: int, channels: int) -> None:
        self.stride, self.outputs = _block(source, target)
        self._weights = _weights(source, target, self.stride, self.outputs)
        self._reach, self._channels = _reach(source, target), channels
        self.reset()

    @staticmethod
    def is_suitable(source: int, target: int) -> bool:
        """Return whether the rates have a ratio of small numbers, so that blocks are short."""
        for one, other in ((source, target), (target, source)):
            inputs, outputs = _block(one, other)
            if (2 * _reach(one, other) + inputs) * outputs > MAX_WEIGHTS:
                return False
        return source != target

    def reset(self) -> None:
        """Forget all audio."""
        self._waiting = np.zeros((self._channels, self._reach), np.float32)

    def count_outputs(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many frames have come out when `frames` have been put in."""
        blocks = (frames + self._reach - len(self._weights)) // self.stride + 1
        return np.maximum(blocks, 0) * self.outputs

    def process(self, block: Audio) -> Audio:
        """Resample these frames; return the output that is available by now."""
        held, window = self._waiting.shape[1], len(self._weights)
        audio = np.empty((self._channels, held + len(block)), np.float32)
        audio[:, :held], audio[:, held:] = self._waiting, block.T
        blocks = max(0, (audio.shape[1] - window) // self.stride + 1)
        self._waiting = audio[:, blocks * self.stride :]
        if not blocks:
            return np.zeros((0, self._channels), np.float32)
        shape, steps = (self._channels, blocks, window), (audio.strides[0], 4 * self.stride, 4)
        # Faster than sliding_window_view, which takes longer than the product of a chunk.
        views: Audio = np.ndarray(shape, np.float32, audio, strides=steps)
        windows = views.reshape(-1, window)
        rows = max(2, MAX_PRODUCTS // self._weights.size)
        out = [windows[i : i + rows] @ self._weights for i in range(0, len(windows), rows)]
        joined = out[0] if len(out) == 1 else np.concatenate(out)
        return joined.reshape(self._channels, -1).T
