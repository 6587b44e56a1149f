"""Between the devices' threads and the worker: two rings, and when audio last came and went.

Every source calls `Bridge.capture`, every sink calls `Bridge.play`, each on its own thread. They
only move samples between the device and a ring.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from .ring_buffer import Ring

Audio = NDArray[np.float32]
BLOCK = 480  # frames per callback: 10 ms held bit-exact where smaller blocks lost samples
FADE = 96  # frames of the fade into an underrun: 2 ms
FADE_OUT = np.linspace(1, 0, FADE, dtype=np.float32)
STALLED = 0.5  # s without a callback: the device is gone
SETTLE = 0.2  # s of captured audio to throw away: devices begin with a burst


class Bridge:
    """The two rings between callbacks and worker, with the times of the last callbacks."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.captured, self.to_play = Ring(SAMPLE_RATE, 1), Ring(SAMPLE_RATE, 1)
        self.wake, self.underruns, self.drop = wake, 0, 0
        self.dry, self.longest_gap = 0, 0.0  # times the speaker's device had nothing left to play
        self.reserve = BLOCK  # frames that must stay ready when playing begins, or begins again
        self.last_underrun = self.last_capture = self.last_play = time.monotonic()
        self.settle = SETTLE  # a file has no burst: 0 there
        self._first: float | None = None
        self._asked = False
        self.playing = False
        self._mono = np.zeros((SAMPLE_RATE, 1), np.float32)

    def capture(self, indata: Audio) -> None:
        """Take [frames, channels] from the microphone: its first channel."""
        self.last_capture = time.monotonic()
        if self._first is None:
            self._first = self.last_capture
        if self.last_capture - self._first >= self.settle:
            self.captured.write(indata[:, :1])
        self.wake()

    def play(self, outdata: Audio) -> None:
        """Fill [frames, channels] for the speaker; no allocation, no lock, no print."""
        self.last_play, self._asked = time.monotonic(), True
        if self.drop:
            self.to_play.discard(self.drop)
            self.drop = 0
        mono, wanted = self._mono[: len(outdata)], len(outdata)
        if not self.playing and len(self.to_play) < wanted + self.reserve:
            outdata[:] = 0
            return
        got = self.to_play.read_into(mono)
        self.playing = got == wanted
        if got < wanted:  # fade what is there, so that the gap does not click
            mono[got:] = 0
            length = min(FADE, got)
            mono[got - length : got, 0] *= FADE_OUT[FADE - length :]
            self.underruns += 1
            self.last_underrun = self.last_play
        outdata[:] = mono

    def ran_dry(self, gap: float) -> None:
        """Count that the speaker's device played all it had, `gap` seconds after it was filled."""
        if self.playing:
            self.longest_gap = max(self.longest_gap, gap)
            self.dry += 1

    def level(self) -> float:
        """Frames waiting on both sides, as if devices moved single frames and not blocks."""
        now = time.monotonic()
        since_capture = min(now - self.last_capture, 0.02) * SAMPLE_RATE
        since_play = min(now - self.last_play, 0.02) * SAMPLE_RATE
        return len(self.captured) + len(self.to_play) + since_capture - since_play

    def stalled(self) -> bool:
        """Whether either side has been silent for too long. A lost device never raises."""
        return time.monotonic() - min(self.last_capture, self.last_play) > STALLED

    @property
    def flows(self) -> bool:
        """Whether both sides have called yet."""
        return self._first is not None and self._asked

    def expect(self, seconds: float) -> None:
        """Allow so much time before callbacks begin."""
        self.last_capture = self.last_play = time.monotonic() + seconds
