"""Where audio comes from and goes to: device callbacks, a file in real time, or nowhere.

Every source calls `Bridge.capture`, every sink calls `Bridge.play`, each on its own thread. They
only move samples between the device and a ring.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .audiofile import AudioReader
from .card import SAMPLE_RATE
from .devices import Device, import_sounddevice
from .errors import RtdenoiseError
from .priority import raise_priority
from .resample import Resampler
from .ring import Ring

Audio = NDArray[np.float32]
BLOCK = 480  # frames per callback: 10 ms held bit-exact where smaller blocks lost samples
FADE = 96  # frames of the fade into an underrun: 2 ms
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
        self.last_play = time.monotonic()
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
            mono[got - length : got, 0] *= np.linspace(1, 0, length, dtype=np.float32)
            self.underruns += 1
            self.last_underrun = self.last_play
        outdata[:] = mono

    def ran_dry(self, gap: float) -> None:
        """Count that the speaker's device played all it had, `gap` seconds after it was filled."""
        if self.playing:
            self.dry += 1
            self.longest_gap = max(self.longest_gap, gap)

    def level(self) -> float:
        """Frames waiting on both sides, as if devices moved single frames and not blocks."""
        now = time.monotonic()
        since_capture = min(now - self.last_capture, 0.02) * SAMPLE_RATE
        since_play = min(now - self.last_play, 0.02) * SAMPLE_RATE
        return len(self.captured) + len(self.to_play) + since_capture - since_play

    def stalled(self) -> bool:
        """Whether either side has been silent for too long. A lost device never raises."""
        return time.monotonic() - min(self.last_capture, self.last_play) > STALLED

    def expect(self, seconds: float) -> None:
        """Allow so much time before callbacks begin."""
        self.last_capture = self.last_play = time.monotonic() + seconds


class DeviceStream:
    """One direction of a device, opened at 48 kHz, in mono where the device takes it."""

    def __init__(self, device: Device, kind: str, bridge: Bridge, safety: int = 0) -> None:
        """`kind` is "input" or "output"; the device holds `safety` frames more, if it can.

        Raises RtdenoiseError where the device does not open.
        """
        sd = import_sounddevice()
        most = device.inputs if kind == "input" else device.outputs
        common: dict[str, Any] = {
            "samplerate": SAMPLE_RATE,
            "blocksize": BLOCK,
            "device": device.index,
            "dtype": "float32",
            "latency": safety / SAMPLE_RATE or "low",
        }
        make = sd.InputStream if kind == "input" else sd.OutputStream
        move = bridge.capture if kind == "input" else bridge.play

        self._held: float | None = None
        self._filled = self._lasts = math.inf  # when the speaker was last given audio, for how long

        def callback(data: Audio, frames: int, times: Any, status: Any) -> None:
            raise_priority()
            move(data)
            seconds = frames / SAMPLE_RATE
            if kind == "input":
                self._note(times.currentTime - times.inputBufferAdcTime - seconds)
                return
            ahead = times.outputBufferDacTime - times.currentTime
            self._note(ahead)
            self._watch(bridge, ahead + seconds if ahead else math.inf)

        problem = "no channels"
        for channels in dict.fromkeys((1, min(2, most), most)):
            try:
                self._stream = make(channels=channels, callback=callback, **common)
                self._stream.start()
                return
            except sd.PortAudioError as error:
                problem = str(error).splitlines()[0]
        raise RtdenoiseError(
            f"{device.name!r} does not open for {kind} at 48000 Hz ({problem}): close what uses "
            "it, set it to 48000 Hz in the system's sound settings, or choose another"
        )

    def _note(self, seconds: float) -> None:
        """Smooth what time stamps say over a second; some systems leave them at zero."""
        if abs(seconds) < 2:
            held = seconds if self._held is None else self._held
            self._held = held + 0.01 * (seconds - held)

    def _watch(self, bridge: Bridge, lasts: float) -> None:
        """Notice a callback too late for the speaker, which `lasts` seconds from now.

        A sound server does not tell PortAudio that it played silence for want of audio; its time
        stamps do.
        """
        gap = bridge.last_play - self._filled
        if gap > self._lasts:
            bridge.ran_dry(gap)
        self._filled, self._lasts = bridge.last_play, lasts

    @property
    def latency(self) -> float:
        """Seconds that the device holds audio beyond the block of a callback.

        By the callbacks' time stamps; PortAudio's constant was 35 ms short of the truth where a
        device holds 120 ms.
        """
        if not self._held:
            return float(self._stream.latency)
        return max(0.0, self._held)

    def close(self) -> None:
        """Close at once; a suspended device would hang a polite stop."""
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)


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


def _mono_blocks(reader: AudioReader) -> Any:
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
