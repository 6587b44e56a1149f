"""Live: microphone -> ring -> worker with the processor -> ring -> speaker.

The callback only moves samples between the device and the rings. One worker thread computes. The
main thread watches: a device that is lost never raises, its callbacks merely stop.
"""

from __future__ import annotations

import dataclasses
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .card import SAMPLE_RATE
from .devices import choose_device, import_sounddevice, list_devices, refuse_feedback
from .engine import make_engine
from .errors import RtdenoiseError
from .processor import Processor
from .ring import Ring
from .session import Model, load_model

Audio = NDArray[np.float32]
STALLED = 0.5  # s without a callback: the device is gone
CALM = 10.0  # s without an underrun until the fill target shrinks again
MOST_HOPS = 8  # largest fill target
BLOCK = 480  # frames per callback: 10 ms held bit-exact where smaller blocks lost samples
FADE = 96  # frames of the fade into an underrun: 2 ms


@dataclasses.dataclass
class LiveOptions:
    """What the user chose; None takes the default."""

    input: str | None = None
    output: str | None = None
    model: str | None = None
    provider: str = "auto"
    engine: str = "auto"
    hop_ms: float | None = None
    mix: float = 1.0
    limit_db: float | None = None
    allow_feedback: bool = False
    seconds: float | None = None


@dataclasses.dataclass
class Counters:
    """What went wrong, and how long computing took."""

    underruns: int = 0
    overruns: int = 0
    deadline_misses: int = 0
    reconnects: int = 0
    hops: int = 0
    times: list[float] = dataclasses.field(default_factory=list)  # s per hop, the newest 10 min

    def add(self, seconds: float, budget: float) -> None:
        """Count one hop."""
        self.hops += 1
        self.deadline_misses += seconds > budget
        self.times.append(seconds)
        if len(self.times) > 120_000:
            del self.times[:60_000]


class LiveSession:
    """One run from microphone to speaker. `run` returns when `stop` is set or time is over."""

    def __init__(self, options: LiveOptions, say: Callable[[str], None] = print) -> None:
        self.options, self.say, self.counters = options, say, Counters()
        self.stop = threading.Event()
        self._work = threading.Event()
        self.model = load_model(options.model, options.engine, options.provider)
        self.hop = self._hop(self.model)
        self.processor = Processor(lambda channels: make_engine(self.model, channels, self.hop))
        self.processor.mix = options.mix
        self.processor.attenuation_limit_db = options.limit_db
        self.processor.prepare(SAMPLE_RATE, 1, self.hop, whole_hops=True)
        self._warm_up()
        self.target = self.hop  # frames to hold ready for the speaker beyond the block asked for
        self._last_underrun = self._last_callback = time.monotonic()
        self._make_rings()

    def latency(self) -> dict[str, float]:
        """Return the computed latency by part, in ms."""
        ms = 1000 / SAMPLE_RATE
        return {
            "input device": BLOCK * ms,
            "hop": max(0, self.hop - BLOCK) * ms,
            "look-ahead and window": self.processor.latency * ms,
            "ring": self.target * ms,
            "output device": 2 * BLOCK * ms,  # PortAudio keeps two blocks
        }

    def run(self) -> Counters:
        """Play until stopped; survives the loss of a device."""
        sys.setswitchinterval(0.0005)  # a busy thread must not hold the GIL for 5 ms
        worker = threading.Thread(target=self._worker, name="rtdenoise worker", daemon=True)
        stream = self._open()
        worker.start()
        end = time.monotonic() + self.options.seconds if self.options.seconds else None
        try:
            while not self.stop.is_set() and (end is None or time.monotonic() < end):
                self.stop.wait(0.1 if end is None else min(0.1, max(0.0, end - time.monotonic())))
                if time.monotonic() - self._last_callback > STALLED:
                    stream = self._reconnect(stream)
        finally:
            self.stop.set()
            self._work.set()
            worker.join(timeout=2)
            if stream is not None:
                stream.abort(ignore_errors=True)
                stream.close(ignore_errors=True)
        return self.counters

    def _hop(self, model: Model) -> int:
        card = model.card
        ms = self.options.hop_ms or (10 if card.form == "stream" else 20)
        hop = round(ms * SAMPLE_RATE / 1000)
        if hop < 1 or hop % card.hop:
            raise RtdenoiseError(
                f"a hop of {ms:g} ms does not fit the model: "
                f"use a multiple of {card.hop * 1000 / SAMPLE_RATE:g} ms"
            )
        return hop

    def _warm_up(self) -> None:
        for _ in range(5):  # the first runs of a session allocate and are slow
            self.processor.process(np.zeros((self.hop, 1), np.float32))
        self.processor.reset()

    def _make_rings(self) -> None:
        self._in, self._out = Ring(SAMPLE_RATE, 1), Ring(SAMPLE_RATE, 1)
        self._out.write(np.zeros((self.target, 1), np.float32))
        self._playing, self._drop = True, 0
        self._fade = np.linspace(1, 0, FADE, dtype=np.float32)

    def _open(self) -> Any:
        sd = import_sounddevice()
        devices = list_devices()
        source = choose_device(devices, self.options.input, "input")
        target = choose_device(devices, self.options.output, "output")
        if not self.options.allow_feedback:
            refuse_feedback(source, target)
        self._make_rings()
        try:
            stream = sd.Stream(
                SAMPLE_RATE,
                BLOCK,
                (source.index, target.index),
                1,
                "float32",
                "low",
                callback=self._callback,
            )
            self._last_callback = time.monotonic() + 1  # opening may take a moment
            stream.start()
        except sd.PortAudioError as error:
            raise RtdenoiseError(
                f"{source.name!r} and {target.name!r} do not open at 48000 Hz "
                f"({str(error).splitlines()[0]}): close what uses them, or choose others"
            ) from error
        self.say(f"{source.name} -> {target.name}")
        return stream

    def _callback(self, indata: Audio, outdata: Audio, frames: int, *_: Any) -> None:
        """Move samples; no allocation, no lock, no print."""
        self._last_callback = time.monotonic()
        self._in.write(indata)
        if self._drop:
            self._out.discard(self._drop)
            self._drop = 0
        got = self._out.read_into(outdata)
        if got < frames:
            outdata[got:] = 0
            if self._playing:  # fade what is there, so that the gap does not click
                length = min(FADE, got)
                outdata[got - length : got, 0] *= self._fade[FADE - length :]
                self.counters.underruns += 1
                self._last_underrun = self._last_callback
            self._playing = got > 0
        else:
            self._playing = True
        self._work.set()

    def _worker(self) -> None:
        block = np.zeros((self.hop, 1), np.float32)
        budget, seen = self.hop / SAMPLE_RATE, 0
        while not self.stop.is_set():
            if len(self._in) < self.hop:
                self._work.wait(0.1)
                self._work.clear()
                continue
            self._in.read_into(block)
            started = time.perf_counter()
            out = self.processor.process(block)
            self.counters.add(time.perf_counter() - started, budget)
            self._out.write(out)
            seen = self._adapt(seen)

    def _adapt(self, seen: int) -> int:
        """Grow the fill target after an underrun, shrink it when calm, never let latency grow."""
        if self.counters.underruns > seen:
            seen = self.counters.underruns
            if self.target < MOST_HOPS * self.hop:
                self.target += self.hop
                self._out.write(np.zeros((self.hop, 1), np.float32))
        elif self.target > self.hop and time.monotonic() - self._last_underrun > CALM:
            self.target -= self.hop
            self._last_underrun = time.monotonic()
        # The speaker takes BLOCK at a time, so the ring swings by a block and a hop.
        excess = len(self._in) - 4 * self.hop
        if excess > 0:  # the worker fell behind: the oldest input goes
            self.counters.overruns += 1
            self._in.discard(excess // self.hop * self.hop)
        surplus = len(self._out) - (self.target + self.hop + 2 * BLOCK)
        if surplus > 0:  # the callback drops it: a ring has one consumer
            self._drop = surplus
        return seen

    def _reconnect(self, stream: Any) -> Any:
        """Close what stalled and open again, with growing pauses, until it works or we stop."""
        sd = import_sounddevice()
        if stream is not None:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)
        self.say("the audio device is gone: waiting for it to come back")
        pause = 0.2
        while not self.stop.is_set():
            try:
                sd._terminate()
                sd._initialize()  # PortAudio lists devices only when it starts
                stream = self._open()
                self.counters.reconnects += 1
                return stream
            except (RtdenoiseError, sd.PortAudioError):
                self.stop.wait(pause)
                pause = min(1.0, pause * 1.5)
        return None


def run_live(options: LiveOptions, quiet: bool = False) -> Counters:
    """Run until Ctrl-C, SIGTERM or `options.seconds`; prints latency first and counters last."""
    say: Callable[[str], None] = (lambda _: None) if quiet else lambda text: print(text, flush=True)
    session = LiveSession(options, say)
    card = session.model.card
    say(f"{card.name} {card.version}, {card.form} engine on {session.model.provider}")
    parts = session.latency()
    say(
        f"latency {sum(parts.values()):.1f} ms: "
        + " + ".join(f"{name} {value:.1f}" for name, value in parts.items())
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: session.stop.set())
    counters = session.run()
    if not quiet:
        print_counters(counters, session.hop / SAMPLE_RATE)
        say(f"latency at the end {sum(session.latency().values()):.1f} ms")
    return counters


def print_counters(counters: Counters, hop: float) -> None:
    """Print the summary of a run; `hop` in seconds."""
    times = np.array(counters.times or [0.0]) * 1000
    print(
        f"{counters.hops * hop:.1f} s; {counters.underruns} underruns, {counters.overruns} "
        f"overruns, {counters.deadline_misses} deadline misses, {counters.reconnects} reconnects; "
        f"{np.median(times):.2f} ms per hop (p99 {np.percentile(times, 99):.2f}) of {hop * 1000:g}",
        flush=True,
    )
