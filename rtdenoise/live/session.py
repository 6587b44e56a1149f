"""One live session: microphone -> ring buffer -> worker -> ring buffer -> speaker.

Audio callbacks only move samples between devices and ring buffers (`DuplexBuffer`). One thread
denoises (`Worker`). The main thread watches the devices (`DeviceSupervisor`) and updates the
screen.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError
from ..inference import load_model, make_engine
from ..processing import Processor
from .counters import Counters
from .device_supervisor import DeviceSupervisor
from .endpoints import Endpoints
from .options import LiveOptions
from .overload import HOPS
from .recorder import Recorder
from .stall_advice import StallAdvice
from .worker import Worker

MS_PER_FRAME = 1000 / SAMPLE_RATE


class LiveSession:
    """Connects the parts of a session; `run` returns when `stop` is set or the time is over."""

    def __init__(
        self,
        options: LiveOptions,
        on_message: Callable[[str], None] = print,
        stop: threading.Event | None = None,
    ) -> None:
        """Load the model. Raises RtdenoiseError for options that do not fit."""
        self.options, self.counters, self.stop = options, Counters(), stop or threading.Event()
        self.model = load_model(options.model, options.engine, options.provider, tf32=options.tf32)
        self.hop = options.hop_frames(self.model.card)
        self.safety = options.safety_frames()
        self.processor = self._make_processor()
        self.worker = Worker(
            self.processor, self.hop, self.safety, self.counters, self.stop, on_message
        )
        self.endpoints = Endpoints(options, self.safety, self._stop_after_playback)
        self.devices = DeviceSupervisor(
            self.endpoints, self.worker, self.counters, self._wait, on_message
        )
        self._on_message, self._stall_advice = on_message, StallAdvice()
        self._deadline = math.inf
        self._on_tick: Callable[[], None] = lambda: None

    def latency(self) -> dict[str, float]:
        """Return the parts of the latency in ms; the ring's part is measured once audio plays."""
        times, control = self.counters.times[-500:], self.worker.control
        hop = self.hop * self.worker.overload.hops
        computing = float(np.median(times)) * SAMPLE_RATE if times else 0.0
        waiting = control.average_level or hop + control.target
        input_ms, output_ms = self.endpoints.latency()
        return {
            "input device": input_ms,
            "hop": hop * MS_PER_FRAME,
            "look-ahead and window": self.processor.latency * MS_PER_FRAME,
            "computing": computing * MS_PER_FRAME,
            "ring": max(0.0, waiting - hop - computing) * MS_PER_FRAME,
            "output device": output_ms,
        }

    def run(
        self,
        on_tick: Callable[[], None] = lambda: None,
        on_open: Callable[[], None] = lambda: None,
    ) -> Counters:
        """Denoise until stopped; devices that disappear are opened again.

        `on_tick` is called about ten times a second, `on_open` once, when both devices are open.
        Raises RtdenoiseError if a device cannot be opened or computing fails.
        """
        sys.setswitchinterval(0.0005)  # s; a busy thread would hold the GIL for 5 ms
        self._on_tick = on_tick
        self._deadline = time.monotonic() + (self.options.seconds or math.inf)
        self.worker.start()
        try:
            self._open()
            on_open()
            self.devices.watch()
        finally:
            self._close()
        if failure := self.worker.failure:
            raise RtdenoiseError(f"computing failed: {failure}") from failure
        return self.counters

    def _make_processor(self) -> Processor:
        processor = Processor(lambda channels: make_engine(self.model, channels, self.hop))
        processor.mix = self.options.mix
        processor.attenuation_limit_db = self.options.limit_db
        processor.prepare(SAMPLE_RATE, 1, HOPS[-1] * self.hop, whole_hops=True)
        return processor

    def _open(self) -> None:
        """Open the recording and the devices; a failure leaves no recording behind."""
        if self.options.record:
            self.worker.recorder = Recorder(self.options.record)
        try:
            self.devices.open()
        except RtdenoiseError:
            if self.worker.recorder:
                self.worker.recorder.discard()
            raise

    def _close(self) -> None:
        self.stop.set()
        self.worker.join()
        self.devices.close()
        if self.worker.recorder:
            self.worker.recorder.close()

    def _wait(self, seconds: float) -> bool:
        """Wait, but not beyond the end; show the state; return False if the session is over."""
        self.stop.wait(max(0.0, min(seconds, self._deadline - time.monotonic())))
        self.worker.control.measure(seconds)
        gap = self.worker.control.buffer.longest_gap
        if advice := self._stall_advice.advise(gap):
            self._on_message(advice)
        self._on_tick()
        return not self.stop.is_set() and time.monotonic() < self._deadline

    def _stop_after_playback(self) -> None:
        """Stop the session once the end of the input file has been played."""
        self.devices.input_ended = True
        delay = sum(self.latency().values()) / 1000 + 0.1
        timer = threading.Timer(delay, self.stop.set)
        timer.daemon = True
        timer.start()
