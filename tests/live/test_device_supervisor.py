"""Lost devices: noticed by missing callbacks, and opened again."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from rtdenoise import RtdenoiseError
from rtdenoise.live.counters import Counters
from rtdenoise.live.device_supervisor import DeviceSupervisor
from rtdenoise.live.duplex_buffer import DuplexBuffer
from rtdenoise.live.worker import Worker
from rtdenoise.processing import Processor

BLOCK = np.zeros((480, 1), np.float32)


class FakeEndpoints:
    """Devices that open after some failures, and then move a block in each direction or none."""

    def __init__(self, failures: int = 0, silent: int = 0) -> None:
        self.failures, self.silent, self.calls = failures, silent, list[str]()

    def open(self, buffer: DuplexBuffer) -> str:
        self.calls.append("open")
        if self.failures:
            self.failures -= 1
            raise RtdenoiseError("no device")
        if self.silent:
            self.silent -= 1
        else:
            buffer.capture(BLOCK)
            buffer.play(BLOCK.copy())
        return "in -> out"

    def close(self) -> None:
        self.calls.append("close")

    def rescan_devices(self) -> None:
        self.calls.append("rescan")


def watch(
    endpoints: FakeEndpoints, prepare: Callable[[DeviceSupervisor, DuplexBuffer], None]
) -> tuple[Counters, list[str], Worker]:
    """Watch stalled devices over 12 intervals; return counters, messages and the worker."""
    counters, messages, left = Counters(), list[str](), iter(range(12))
    processor = Processor(lambda channels: pytest.fail("nothing is computed here"))
    worker = Worker(processor, 480, 0, counters, threading.Event(), messages.append)
    supervisor = DeviceSupervisor(
        endpoints,  # type: ignore[arg-type]
        worker,
        counters,
        lambda seconds: next(left, None) is not None,
        messages.append,
    )
    prepare(supervisor, worker.control.buffer)
    supervisor.watch()
    return counters, messages, worker


def stall(_: DeviceSupervisor, buffer: DuplexBuffer) -> None:
    buffer.last_capture -= 1.0


def test_a_lost_device_is_opened_again_with_fresh_buffers():
    endpoints = FakeEndpoints(failures=2)
    old = []
    counters, messages, worker = watch(endpoints, lambda s, b: (old.append(b), stall(s, b))[0])
    assert counters.reconnects == 1
    assert messages == ["an audio device disappeared: waiting for it to come back", "in -> out"]
    assert endpoints.calls == ["close", *3 * ["rescan", "open"]]
    assert worker.control.buffer is not old[0]


def test_a_device_that_opens_but_moves_no_audio_is_closed_again(monkeypatch):
    monkeypatch.setattr("rtdenoise.live.device_supervisor.AUDIO_TIMEOUT", 0.0)
    endpoints = FakeEndpoints(silent=1)
    counters, _, _ = watch(endpoints, stall)
    assert counters.reconnects == 1
    assert endpoints.calls == ["close", "rescan", "open", "close", "rescan", "open"]


def test_the_end_of_an_input_file_is_no_lost_device():
    def end(supervisor: DeviceSupervisor, buffer: DuplexBuffer) -> None:
        supervisor.input_ended = True
        stall(supervisor, buffer)

    endpoints = FakeEndpoints()
    counters, messages, _ = watch(endpoints, end)
    assert not counters.reconnects and not messages and not endpoints.calls


def test_running_devices_are_left_alone():
    endpoints = FakeEndpoints()
    counters, _, _ = watch(endpoints, lambda *_: None)
    assert not counters.reconnects and not endpoints.calls
