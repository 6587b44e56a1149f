"""Live: microphone -> ring -> worker with the processor -> ring -> speaker.

Callbacks only move samples between devices and rings (bridge). One worker thread computes. The
main thread watches: a device that is lost never raises, its callbacks merely stop.
"""

from __future__ import annotations

import math
import random
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError
from ..inference import Model, load_model, make_engine
from ..processing import Processor
from .bridge import Bridge
from .counters import Counters
from .devices import import_sounddevice
from .endpoints import Ends
from .fill_control import FillControl
from .options import LiveOptions
from .overload import HOPS, WORDS, Overload
from .recorder import Takes
from .thread_priority import raise_priority

Audio = NDArray[np.float32]
LARGEST_HOP, LARGEST_SAFETY = 200, 400  # ms: the rings hold a second


class LiveSession:
    """One run from microphone to speaker. `run` returns when `stop` is set or time is over."""

    def __init__(
        self,
        options: LiveOptions,
        say: Callable[[str], None] = print,
        stop: threading.Event | None = None,
    ) -> None:
        self.options, self.say, self.counters = options, say, Counters()
        self.stop, self._work = stop or threading.Event(), threading.Event()
        self.model = load_model(options.model, options.engine, options.provider, tf32=options.tf32)
        self.hop = self._hop(self.model)
        self.safety = self._safety()  # frames
        self.processor = Processor(lambda channels: make_engine(self.model, channels, self.hop))
        self.processor.mix = options.mix
        self.processor.attenuation_limit_db = options.limit_db
        self.processor.prepare(SAMPLE_RATE, 1, HOPS[-1] * self.hop, whole_hops=True)
        self.overload = Overload()
        self.takes: Takes | None = None
        self.priority = "normal"  # of the worker, once it runs
        self._warm, self._named, self._file_over = threading.Event(), 0.0, False
        self._failure: Exception | None = None
        self.level_in = self.level_out = 0.0  # mean power, smoothed over 0.2 s
        self.ends = Ends(options, self.safety, self._file_ended)
        self._restart_path()

    def latency(self) -> dict[str, float]:
        """Return the latency by part, in ms; the waiting parts are measured once audio plays."""
        ms = 1000 / SAMPLE_RATE
        times = self.counters.times[-500:]
        hop = self.hop * self.overload.hops
        computing = float(np.median(times)) * SAMPLE_RATE if times else 0.0
        waiting = self.fill.waiting or hop + self.fill.target
        heard, spoken = self.ends.latency()
        return {
            "input device": heard,
            "hop": hop * ms,
            "look-ahead and window": self.processor.latency * ms,
            "computing": computing * ms,
            "ring": max(0.0, waiting - hop - computing) * ms,
            "output device": spoken,
        }

    def run(
        self, each: Callable[[], None] = lambda: None, begun: Callable[[], None] = lambda: None
    ) -> Counters:
        """Play until stopped, calling `each` ten times a second; survives the loss of a device.

        `begun` is called once, when both ends are open.
        """
        sys.setswitchinterval(0.0005)  # a busy thread must not hold the GIL for 5 ms
        self._each, self._end = each, time.monotonic() + (self.options.seconds or math.inf)
        worker = threading.Thread(target=self._worker, name="rtdenoise worker", daemon=True)
        worker.start()
        self._warm.wait()
        try:
            self._begin()
            begun()
            self._watch_over()
        finally:
            self.stop.set()
            self._work.set()
            worker.join(timeout=2)
            self.ends.close()
            if self.takes:
                self.takes.close()
        if self._failure:
            raise RtdenoiseError(f"computing failed: {self._failure}") from self._failure
        return self.counters

    def _begin(self) -> None:
        if self.options.record:
            self.takes = Takes(self.options.record)
        try:
            self.say(self.ends.open(self.bridge))
        except RtdenoiseError:
            if self.takes:
                self.takes.discard()
            raise

    def _watch_over(self) -> None:
        stalled, dice = False, random.Random(0)
        while self._pause(dice.uniform(0.05, 0.15)):
            # Never in step with devices that move audio in bursts: `note` would see one phase.
            # Twice: where the whole machine stood still the devices come back by themselves.
            stalled, before = self.bridge.stalled(), stalled
            if stalled and before and not self._file_over:
                self._reconnect()
                stalled = False

    def _pause(self, seconds: float) -> bool:
        """Wait, at most until the end, then show what there is to show; whether to go on."""
        self.stop.wait(max(0.0, min(seconds, self._end - time.monotonic())))
        self.fill.note(seconds)
        self._advise()
        self._each()
        return not self.stop.is_set() and time.monotonic() < self._end

    def _hop(self, model: Model) -> int:
        card = model.card
        ms = self.options.hop_ms
        if ms is None:
            ms = 10 if card.engine == "stream" else 20
        if not 0 < ms <= LARGEST_HOP:  # nor is nan
            raise RtdenoiseError(f"a hop of {ms:g} ms makes no sense: use up to {LARGEST_HOP}")
        hop = round(ms * SAMPLE_RATE / 1000)
        if hop < 1 or hop % card.hop:
            raise RtdenoiseError(
                f"a hop of {ms:g} ms does not fit the model: "
                f"use a multiple of {card.hop * 1000 / SAMPLE_RATE:g} ms"
            )
        return hop

    def _safety(self) -> int:
        ms = self.options.safety_ms
        if not 0 <= ms <= LARGEST_SAFETY:
            raise RtdenoiseError(f"a safety of {ms:g} ms makes no sense: use 0 to {LARGEST_SAFETY}")
        return round(ms * SAMPLE_RATE / 1000)

    def _warm_up(self) -> None:
        """Run all sizes that may come: first runs are slow, and record the graph on a GPU.

        On the thread that computes, as a recorded graph belongs to its thread.
        """
        for hops in (*HOPS[::-1], *5 * HOPS[:1]):
            self.processor.process(np.zeros((hops * self.hop, 1), np.float32))
        self.processor.reset()

    def _restart_path(self) -> None:
        """Fresh rings and a fresh drift: after a start or a lost device."""
        self.bridge = Bridge(self._work.set)
        self.fill = FillControl(self.bridge, self.counters, self.hop, self.safety)
        if self.overload.hops > 1:
            self.fill.overloaded(self.overload.hops)

    def _file_ended(self) -> None:
        """Let what is on its way be heard, then stop."""
        self._file_over = True  # what comes no more is no lost device
        delay = sum(self.latency().values()) / 1000 + 0.1
        timer = threading.Timer(delay, self.stop.set)
        timer.daemon = True
        timer.start()

    def _worker(self) -> None:
        try:
            self._compute_on()
        except Exception as error:  # such as a GPU that was lost: told by `run`
            self._failure = error
            self.stop.set()
        finally:
            self._warm.set()

    def _compute_on(self) -> None:
        self.priority = raise_priority()
        self._warm_up()
        self._warm.set()
        while not self.stop.is_set():
            frames = self.hop * self.overload.hops
            bridge = self.bridge
            if len(bridge.captured) < frames:
                self._work.wait(0.1)
                self._work.clear()
                continue
            block = np.zeros((frames, 1), np.float32)
            bridge.captured.read_into(block)
            started = time.perf_counter()
            out = self._compute(block)
            seconds = time.perf_counter() - started
            self.counters.add(seconds, frames // self.hop, self.hop / SAMPLE_RATE)
            bridge.to_play.write(self.fill.drift.apply(out))
            self._meter(block, out)
            if self.takes:
                self.takes.add(block, out)
            if self.overload.note(seconds, frames / SAMPLE_RATE):
                self.counters.overloads += 1
                self.say(f"load: {WORDS[self.overload.level]}")
                self.fill.overloaded(self.overload.hops)
            self.fill.adapt(self.overload.hops)

    def _compute(self, block: Audio) -> Audio:
        if not self.overload.bypass:
            return self.processor.process(block)
        return self.processor.pass_through(block)

    def _meter(self, block: Audio, out: Audio) -> None:
        part = min(1.0, len(block) / SAMPLE_RATE / 0.2)
        self.level_in += (float(np.mean(np.square(block))) - self.level_in) * part
        self.level_out += (float(np.mean(np.square(out))) - self.level_out) * part

    def _advise(self) -> None:
        """Say when the device ran dry, and for longer than was said, what would have bridged it."""
        gap = self.bridge.longest_gap
        if gap < 1.5 * self._named or not gap:
            return
        self._named, ms = gap, 1000 * gap
        cure = 10 * math.ceil(ms / 10)
        advice = f"--safety-ms {cure} bridges that, at the price of latency"
        if cure > LARGEST_SAFETY:
            advice = f"no --safety-ms, up to {LARGEST_SAFETY}, bridges that"
        self.say(f"sound was lost: this machine stood still for {ms:.0f} ms; {advice}")

    def _reconnect(self) -> None:
        """Close what stalled and open again, with growing pauses, until it works or we stop."""
        self.ends.close()
        self.say("the audio device is gone: waiting for it to come back")
        pause = 0.2
        while self._pause(pause):
            pause = min(0.5, pause * 1.5)
            try:
                self.ends.search_anew()
                self._restart_path()
                names = self.ends.open(self.bridge)
            except (RtdenoiseError, import_sounddevice().PortAudioError):
                continue
            if self._flows():
                self.say(names)
                self.counters.reconnects += 1
                return
            self.ends.close()

    def _flows(self) -> bool:
        """Wait for audio: a suspended device opens, and then nothing comes of it."""
        last = time.monotonic() + 1.0
        while not self.bridge.flows and time.monotonic() < last and self._pause(0.05):
            pass
        return self.bridge.flows
