"""Captured and denoised audio on its way between the device threads and the worker.

    source --capture()--> captured --> worker --> to_play --play()--> sink

Every source calls `capture` and every sink calls `play`, each on its own thread. Both only move
samples between a device and a ring buffer.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from .ring_buffer import RingBuffer

Audio = NDArray[np.float32]
BLOCK = 480  # frames per callback: audio was bit-exact with 10 ms and lost samples with less
FADE = 96  # frames (2 ms) of the fade-out before an underrun
FADE_OUT = np.linspace(1, 0, FADE, dtype=np.float32)
STALL_SECONDS = 0.5  # without a callback for so long, a device counts as lost
START_UP_SECONDS = 0.2  # captured audio to discard: devices start with a burst of callbacks


class DuplexBuffer:
    """One ring buffer for each direction, with the times of the last callbacks."""

    def __init__(self, on_capture: Callable[[], None]) -> None:
        """`on_capture` is called on the source's thread after each captured block."""
        self.captured, self.to_play = RingBuffer(SAMPLE_RATE, 1), RingBuffer(SAMPLE_RATE, 1)
        self._on_capture = on_capture
        self.underruns = 0  # the sink asked for more than `to_play` held
        self.device_underruns, self.longest_gap = 0, 0.0  # the speaker's device itself ran dry
        self.frames_to_drop = 0  # set by the worker; `play` drops them: a ring has one consumer
        self.prefill = BLOCK  # frames beyond the first block that must be ready to start playing
        self.last_underrun = self.last_capture = self.last_play = time.monotonic()
        self.start_up = START_UP_SECONDS  # a file has no burst at the start: 0 there
        self.playing = False
        self._first_capture: float | None = None
        self._play_called = False
        self._mono = np.zeros((SAMPLE_RATE, 1), np.float32)

    def capture(self, indata: Audio) -> None:
        """Store the first channel of a block [frames, channels] from the microphone."""
        self.last_capture = time.monotonic()
        if self._first_capture is None:
            self._first_capture = self.last_capture
        if self.last_capture - self._first_capture >= self.start_up:
            self.captured.write(indata[:, :1])
        self._on_capture()

    def play(self, outdata: Audio) -> None:
        """Fill a block [frames, channels] for the speaker: no allocation, no lock, no print."""
        self.last_play, self._play_called = time.monotonic(), True
        if self.frames_to_drop:
            self.to_play.discard(self.frames_to_drop)
            self.frames_to_drop = 0
        mono, wanted = self._mono[: len(outdata)], len(outdata)
        if not self.playing and len(self.to_play) < wanted + self.prefill:
            outdata[:] = 0
            return
        got = self.to_play.read_into(mono)
        self.playing = got == wanted
        if got < wanted:  # fade out what there is, so that the gap does not click
            mono[got:] = 0
            length = min(FADE, got)
            mono[got - length : got, 0] *= FADE_OUT[FADE - length :]
            self.underruns += 1
            self.last_underrun = self.last_play
        outdata[:] = mono

    def count_device_underrun(self, gap: float) -> None:
        """Count that the speaker's device ran dry, `gap` seconds after it was last filled."""
        if self.playing:
            self.longest_gap = max(self.longest_gap, gap)
            self.device_underruns += 1

    def level(self) -> float:
        """Return the frames waiting in both rings, as if devices moved single frames, not blocks.

        A callback moves a whole block at once. The time since the last one tells how much of the
        next block has already been captured or played.
        """
        now = time.monotonic()
        since_capture = min(now - self.last_capture, 0.02) * SAMPLE_RATE
        since_play = min(now - self.last_play, 0.02) * SAMPLE_RATE
        return len(self.captured) + len(self.to_play) + since_capture - since_play

    def stalled(self) -> bool:
        """Return whether callbacks have stopped on either side. A lost device raises nothing."""
        return time.monotonic() - min(self.last_capture, self.last_play) > STALL_SECONDS

    @property
    def running(self) -> bool:
        """Whether both sides have had their first callback."""
        return self._first_capture is not None and self._play_called

    def allow_start_up(self, seconds: float) -> None:
        """Do not count as stalled for so many seconds: opening a device takes a moment."""
        self.last_capture = self.last_play = time.monotonic() + seconds
