"""The thread that denoises, between the ring buffers of captured and of denoised audio."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..processing import Processor
from .buffer_control import BufferControl
from .counters import Counters, LevelMeter
from .duplex_buffer import DuplexBuffer
from .overload import HOPS, LEVEL_NAMES, OverloadControl
from .recorder import Recorder
from .thread_priority import raise_priority

Audio = NDArray[np.float32]


class Worker:
    """Takes hops from the captured audio, denoises them and passes them on to the speaker.

    It also measures the computing time and the levels, and reacts to overload.
    """

    def __init__(
        self,
        processor: Processor,
        hop: int,
        safety: int,
        counters: Counters,
        stop: threading.Event,
        on_message: Callable[[str], None],
    ) -> None:
        """`hop` (the smallest step) and `safety` (extra buffering) are in frames.

        The worker runs until `stop` is set, and sets it itself when computing fails.
        """
        self.processor, self.hop, self.safety, self.counters = processor, hop, safety, counters
        self.overload = OverloadControl()
        self.input_level, self.output_level = LevelMeter(), LevelMeter()
        self.recorder: Recorder | None = None
        self.priority = "normal"  # of the thread, once it runs
        self.failure: Exception | None = None
        self._stop, self._on_message = stop, on_message
        self._audio_arrived, self._warm = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="rtdenoise worker", daemon=True)
        self.renew_buffers()

    def renew_buffers(self) -> None:
        """Continue with empty ring buffers and unknown drift: after a device was lost."""
        buffer = DuplexBuffer(self._audio_arrived.set)
        control = BufferControl(buffer, self.counters, self.hop, self.safety)
        if self.overload.hops > 1:
            control.grow_for(self.overload.hops)
        self.control = control

    def start(self) -> None:
        """Start the thread and wait until the first, slow runs of the network are over."""
        self._thread.start()
        self._warm.wait()

    def join(self) -> None:
        """Wait for the thread to end, at most 2 s; `stop` has been set before."""
        self._audio_arrived.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # for example a lost GPU; the session reports it
            self.failure = error
            self._stop.set()
        finally:
            self._warm.set()

    def _work(self) -> None:
        self.priority = raise_priority()
        self._warm_up()
        self._warm.set()
        while not self._stop.is_set():
            control = self.control  # one read: the main thread may replace it
            frames = self.hop * self.overload.hops
            if len(control.buffer.captured) >= frames:
                self._step(control, frames)
            else:
                self._audio_arrived.wait(0.1)
                self._audio_arrived.clear()

    def _warm_up(self) -> None:
        """Run every step size: first runs are slow, and on a GPU they record the CUDA graph.

        A recorded graph belongs to its thread, so this runs on the worker's own.
        """
        for hops in (*HOPS[::-1], *5 * HOPS[:1]):
            self.processor.process(np.zeros((hops * self.hop, 1), np.float32))
        self.processor.reset()

    def _step(self, control: BufferControl, frames: int) -> None:
        block = np.zeros((frames, 1), np.float32)
        control.buffer.captured.read_into(block)
        block = self._mend(block)
        started = time.perf_counter()
        denoised = self._denoise(block)
        seconds = time.perf_counter() - started
        self.counters.add_hops(frames // self.hop, seconds, self.hop / SAMPLE_RATE)
        control.buffer.to_play.write(control.drift.resample(denoised))
        self.input_level.update(block)
        self.output_level.update(denoised)
        if self.recorder:
            self.recorder.add(block, denoised)
        if self.overload.update(seconds, frames / SAMPLE_RATE):
            self._change_load_level(control)
        control.update(self.overload.hops)

    def _mend(self, block: Audio) -> Audio:
        """Set what is no audio to zero before meters and recordings get it; say so once."""
        before = self.processor.nonfinite
        block = self.processor.mend(block)
        if self.processor.nonfinite and not before:
            self._on_message("the input holds samples that are NaN or infinite: set to zero")
        return block

    def _denoise(self, block: Audio) -> Audio:
        if self.overload.bypass:
            return self.processor.pass_through(block)
        return self.processor.process(block)

    def _change_load_level(self, control: BufferControl) -> None:
        self.counters.overloads += 1
        self._on_message(f"load: {LEVEL_NAMES[self.overload.level]}")
        control.grow_for(self.overload.hops)
