"""The thread that denoises."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from rtdenoise.live.counters import Counters
from rtdenoise.live.options import LiveOptions
from rtdenoise.live.session import LiveSession
from rtdenoise.live.worker import Worker


@pytest.fixture
def worker(toy_stream_model) -> Worker:
    return LiveSession(LiveOptions(model=str(toy_stream_model)), lambda _: None).worker


def test_captured_audio_comes_out_denoised(worker, toy_stream_model):
    from rtdenoise import Denoiser

    rng = np.random.default_rng(0)
    audio = (0.1 * rng.standard_normal((9600, 1))).astype(np.float32)
    buffer, out = worker.control.buffer, np.zeros((9600, 1), np.float32)
    worker.start()
    buffer.start_up = 0.0
    for block in np.split(audio, 20):
        buffer.capture(block)
        deadline = time.monotonic() + 5
        while len(buffer.captured) and time.monotonic() < deadline:
            time.sleep(0.001)
    deadline = time.monotonic() + 5
    while worker.counters.hops < 20 and time.monotonic() < deadline:
        time.sleep(0.001)
    worker._stop.set()
    worker.join()
    got = buffer.to_play.read_into(out)
    delay = got and 480 + worker.control.drift._resampler.delay
    expected = Denoiser(toy_stream_model, opening=0)(audio[:, 0], 48_000)
    assert np.abs(out[delay:got, 0] - expected[: got - delay]).max() < 1e-4
    assert 0.005 < worker.input_level.power < 0.02 and worker.output_level.power > 0
    assert worker.counters.hops == 20 and worker.failure is None


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_samples_that_are_no_audio_reach_neither_meters_nor_recordings(worker, value):
    messages: list[str] = []
    added: list[np.ndarray] = []
    worker._on_message = messages.append
    worker.recorder = SimpleNamespace(add=lambda *blocks: added.extend(blocks))
    for _ in range(3):
        worker.control.buffer.captured.write(np.full((480, 1), value, np.float32))
        worker._step(worker.control, 480)
    assert messages == ["the input holds samples that are NaN or infinite: set to zero"]
    assert worker.processor.nonfinite == 3 * 480 and worker.input_level.power == 0
    assert len(added) == 6 and np.isfinite(added).all() and np.isfinite(worker.output_level.power)
    heard = np.zeros((3 * 480, 1), np.float32)
    worker.control.buffer.to_play.read_into(heard)
    assert np.isfinite(heard).all()


def test_overload_reaches_the_buffers_and_outlives_a_lost_device(worker):
    messages: list[str] = []
    worker._on_message = messages.append
    worker.overload.update = lambda *_: setattr(worker.overload, "level", 1) or True
    worker._step(worker.control, 480)
    assert messages == ["load: hop doubled"] and worker.counters.overloads == 1
    assert worker.control.target == 2 * 480
    old = worker.control
    worker.renew_buffers()
    assert worker.control is not old and worker.control.target == 2 * 480


def test_a_failure_ends_the_session(worker):
    stop = threading.Event()
    broken = Worker(worker.processor, 480, 0, Counters(), stop, lambda _: None)
    broken._warm_up = lambda: 1 / 0
    broken.start()
    broken.join()
    assert stop.is_set() and isinstance(broken.failure, ZeroDivisionError)
