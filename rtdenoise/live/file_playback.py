"""An input file instead of a microphone, no output instead of a speaker: both run in real time."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..files import AudioReader
from ..processing import MAX_MAGNITUDE, Resampler, mend
from .duplex_buffer import BLOCK, DuplexBuffer
from .thread_priority import raise_priority

Audio = NDArray[np.float32]


class RealTimeLoop:
    """A thread that moves one block every 10 ms, as the clock of a device would."""

    def __init__(self, move_block: Callable[[], bool]) -> None:
        """Start the thread; it ends when `move_block` returns False, or when closed."""
        self._move_block, self._stop = move_block, threading.Event()
        self._thread = threading.Thread(target=self._run, name="rtdenoise clock", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        raise_priority()
        start, count = time.monotonic(), 0
        while not self._stop.is_set() and self._move_block():
            count += 1
            self._stop.wait(max(0.0, start + count * BLOCK / SAMPLE_RATE - time.monotonic()))

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._stop.set()
        self._thread.join(timeout=2)


def start_file_source(path: Path, buffer: DuplexBuffer, on_end: Callable[[], None]) -> RealTimeLoop:
    """Play a sound file into `buffer` as if it came from a microphone; call `on_end` at its end."""
    blocks = _mono_blocks(AudioReader(path))
    buffer.start_up = 0.0

    def move_block() -> bool:
        block = next(blocks, None)
        if block is None:
            on_end()
            return False
        buffer.capture(block)
        return True

    return RealTimeLoop(move_block)


def start_null_sink(buffer: DuplexBuffer) -> RealTimeLoop:
    """Take the denoised audio out of `buffer` in real time and discard it."""
    block = np.zeros((BLOCK, 1), np.float32)

    def move_block() -> bool:
        buffer.play(block)
        return True

    return RealTimeLoop(move_block)


def _mono_blocks(reader: AudioReader) -> Iterator[Audio]:
    """Yield the file at 48 kHz as blocks [480, 1]; the last one is padded with zeros."""
    resampler, mended = Resampler(reader.sample_rate, SAMPLE_RATE, 1), 0
    pending = np.zeros((0, 1), np.float32)
    with reader:
        for block in reader.blocks(reader.sample_rate // 10):
            block, count = mend(block)  # before the resampler spreads it
            mended += count
            mono = np.ascontiguousarray(block.mean(axis=1, keepdims=True))
            pending = np.concatenate([pending, resampler.process(mono)])
            while len(pending) >= BLOCK:
                yield pending[:BLOCK]
                pending = pending[BLOCK:]
    if mended:
        warnings.warn(
            f"{reader.path}: {mended} samples were NaN, infinite or beyond {MAX_MAGNITUDE:.0e}: "
            "set to zero",
            stacklevel=2,
        )
    yield np.concatenate([pending, np.zeros((BLOCK - len(pending), 1), np.float32)])
