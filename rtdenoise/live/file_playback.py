"""A file instead of a microphone, nothing instead of a speaker: in real time, as devices are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..files import AudioReader
from ..processing import Resampler
from .bridge import BLOCK, Bridge
from .thread_priority import raise_priority

Audio = NDArray[np.float32]


class Clocked:
    """A thread that moves one block every 10 ms: the clock of a file or of nothing."""

    def __init__(self, move: Callable[[], bool]) -> None:
        self._move, self._stop = move, threading.Event()
        self._thread = threading.Thread(target=self._run, name="rtdenoise clock", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        raise_priority()
        start, count = time.monotonic(), 0
        while not self._stop.is_set() and self._move():
            count += 1
            self._stop.wait(max(0.0, start + count * BLOCK / SAMPLE_RATE - time.monotonic()))

    def close(self) -> None:
        """Stop and wait for the thread."""
        self._stop.set()
        self._thread.join(timeout=2)


def play_file(path: Path, bridge: Bridge, at_end: Callable[[], None]) -> Clocked:
    """Feed a recording to the live path as if it came from a microphone; calls `at_end` after."""
    blocks = _mono_blocks(AudioReader(path))
    bridge.settle = 0.0

    def move() -> bool:
        block = next(blocks, None)
        if block is None:
            at_end()
            return False
        bridge.capture(block)
        return True

    return Clocked(move)


def _mono_blocks(reader: AudioReader) -> Iterator[Audio]:
    resampler, held = Resampler(reader.sample_rate, SAMPLE_RATE, 1), np.zeros((0, 1), np.float32)
    with reader:
        for block in reader.blocks(reader.sample_rate // 10):
            mono = np.ascontiguousarray(block.mean(axis=1, keepdims=True))
            held = np.concatenate([held, resampler.process(mono)])
            while len(held) >= BLOCK:
                yield held[:BLOCK]
                held = held[BLOCK:]
    yield np.concatenate([held, np.zeros((BLOCK - len(held), 1), np.float32)])


def play_nowhere(bridge: Bridge) -> Clocked:
    """Consume the denoised audio in real time and drop it."""
    block = np.zeros((BLOCK, 1), np.float32)

    def move() -> bool:
        bridge.play(block)
        return True

    return Clocked(move)
