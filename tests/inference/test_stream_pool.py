"""A pool of streams gives each what a stream of its own gives, however late the others are."""

from __future__ import annotations

import re
import threading

import numpy as np
import onnxruntime as ort
import pytest

from rtdenoise import RtdenoiseError, StreamPool
from rtdenoise.inference import loading, slot_batch, stream_pool
from rtdenoise.inference.engines import StreamEngine
from rtdenoise.inference.loading import load_model
from tests.command import noise

HOP = 480
AUDIO = noise(HOP * 12, 64).T  # [64, samples]


@pytest.fixture(scope="module")
def model(toy_stream_model):
    return load_model(toy_stream_model, provider="cpu")


@pytest.fixture(scope="module")
def expected(model):
    """Each row through a stream engine of its own, hop by hop."""
    return np.concatenate([alone(model, row) for row in AUDIO])


def alone(model, samples):
    engine = StreamEngine(model, 1, fixed_block=HOP)
    return np.concatenate([engine.step(hop[None]) for hop in samples.reshape(-1, HOP)], axis=1)


def drain(pool, out):
    """Step until nothing is due; append the hops to `out`."""
    while hops := pool.step():
        for key, hop in hops.items():
            out.setdefault(key, []).append(hop)
    return out


@pytest.mark.parametrize(("streams", "batch"), [(1, None), (7, None), (7, 3), (64, None)])
def test_streams_in_a_pool_equal_streams_alone(model, expected, streams, batch):
    pool, out = StreamPool(model, streams, HOP, batch), {}
    keys = [pool.join() for _ in range(streams)]
    for start in range(0, AUDIO.shape[1], 2 * HOP):
        for key, row in zip(keys, AUDIO[:streams], strict=True):
            pool.feed(key, row[start : start + 2 * HOP])
        drain(pool, out)
    got = np.stack([np.concatenate(out[key]) for key in keys])
    np.testing.assert_allclose(got, expected[:streams], atol=1e-5)
    assert pool.delay == model.card.lookahead and len(pool) == streams


def test_late_streams_are_left_out_and_hold_up_nobody(model, expected):
    """Streams are fed in odd amounts at random times; one stops for good."""
    pool, out, random = StreamPool(model, 7, HOP), {}, np.random.default_rng(1)
    keys = [pool.join() for _ in range(7)]
    fed = dict.fromkeys(keys, 0)
    while min(fed[key] for key in keys[1:]) < AUDIO.shape[1]:
        for key in random.permutation(keys):
            if key == keys[0] and fed[key] > 3 * HOP:
                continue  # this one has stopped
            size = int(random.integers(0, 2 * HOP))
            pool.feed(key, AUDIO[keys.index(key), fed[key] : fed[key] + size])
            fed[key] = min(fed[key] + size, AUDIO.shape[1])
        before = {key: pool.waiting(key) for key in keys}
        done = pool.step()
        assert set(done) == {key for key in keys if before[key] >= HOP}
        for key, hop in done.items():
            out.setdefault(key, []).append(hop)
    drain(pool, out)
    for row, key in enumerate(keys):
        got = np.concatenate(out[key])
        assert len(got) == fed[key] // HOP * HOP
        np.testing.assert_allclose(got, expected[row, : len(got)], atol=1e-5)


def test_a_slot_that_is_taken_again_begins_after_silence(model, expected, monkeypatch):
    pool = StreamPool(model, 2, HOP)
    opened = []
    monkeypatch.setattr(stream_pool, "open_session", lambda *_: opened.append(1))
    stays, goes = pool.join(), pool.join()
    out = {}
    for start in range(0, AUDIO.shape[1], HOP):
        if start == 5 * HOP:
            pool.leave(goes)
            goes, offset = pool.join(), start
        pool.feed(stays, AUDIO[0, start : start + HOP])
        pool.feed(goes, AUDIO[1, start - (start >= 5 * HOP) * 5 * HOP :][:HOP])
        drain(pool, out)
    np.testing.assert_allclose(np.concatenate(out[stays]), expected[0], atol=1e-5)
    again = np.concatenate(out[goes])
    np.testing.assert_allclose(again, expected[1, : len(again)], atol=1e-5)
    assert offset == 5 * HOP and len(again) == 7 * HOP and not opened


def test_bad_samples_of_one_stream_spoil_neither_the_others_nor_its_own_future(model, expected):
    pool, out = StreamPool(model, 2, HOP), {}
    good, bad = pool.join(), pool.join()
    broken = AUDIO[1].copy()
    broken[100:200] = np.nan
    broken[300] = np.inf
    pool.feed(good, AUDIO[0])
    pool.feed(bad, broken)
    drain(pool, out)
    np.testing.assert_allclose(np.concatenate(out[good]), expected[0], atol=1e-5)
    assert np.isfinite(np.concatenate(out[bad])).all()


def test_batches_without_a_due_stream_are_not_run(model, monkeypatch):
    pool, runs = StreamPool(model, 8, HOP, batch=2), []
    monkeypatch.setattr(slot_batch.SlotBatch, "run", lambda self: runs.append(self))
    keys = [pool.join() for _ in range(3)]
    pool.feed(keys[2], AUDIO[2, :HOP])
    assert set(pool.step()) == {keys[2]} and len(runs) == 1
    assert pool.step() == {}
    for key in keys:
        pool.feed(key, AUDIO[0, :HOP])
    assert set(pool.step()) == set(keys) and len(runs) == 3  # two batches hold three streams


def test_feeding_from_other_threads(model, expected):
    pool, out = StreamPool(model, 4, HOP), {}
    keys = [pool.join() for _ in range(4)]

    def feed(row, key):
        for start in range(0, AUDIO.shape[1], 100):
            pool.feed(key, AUDIO[row, start : start + 100])

    threads = [threading.Thread(target=feed, args=pair) for pair in enumerate(keys)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        drain(pool, out)
    drain(pool, out)
    got = np.stack([np.concatenate(out[key]) for key in keys])
    np.testing.assert_allclose(got, expected[:4], atol=1e-5)


def test_what_a_pool_refuses(model, toy_segment_model, monkeypatch):
    def refused(words, call, *arguments):
        with pytest.raises(RtdenoiseError, match=re.escape(words)) as caught:
            call(*arguments)
        assert "\n" not in str(caught.value)

    pool = StreamPool(model, 1, HOP)
    key = pool.join()
    refused("the pool is full: all 1 slots are taken", pool.join)
    refused("mono audio [samples], not [2, 480]", pool.feed, key, np.zeros((2, HOP)))
    pool.feed(key, np.zeros(9 * 48_000))
    refused("has 9.0 s waiting: call step", pool.feed, key, np.zeros(2 * 48_000))
    pool.leave(key)
    for call in (pool.leave, pool.waiting):
        refused(f"no stream {key} in the pool", call, key)
    assert pool.join() != key
    refused("use a multiple of 480", StreamPool, model, 1, 500)
    refused("at least 1", StreamPool, model, 0)
    refused("a pool needs a stream", StreamPool, load_model(toy_segment_model, provider="cpu"))
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    refused("pip install 'rtdenoise[server]'", StreamPool, model, 1)


class FullDevice(ort.OrtValue):
    """A device whose memory holds at most `room` slots."""

    room = 0

    @staticmethod
    def ortvalue_from_numpy(values, device="cpu", *_):
        if values.ndim > 2 and values.shape[0] > FullDevice.room and values.shape[2] == HOP:
            raise RuntimeError(
                "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : bfc_arena.cc:376 Failed to allocate "
                "memory for requested buffer of size 123456789"
            )
        return ort.OrtValue.ortvalue_from_numpy(values, "cpu")


@pytest.mark.parametrize(
    ("room", "words"),
    [(5, "does not hold a capacity of 16: use a capacity of 4, or run on the CPU"),
     (0, "does not hold a capacity of 16: not even one fits: free memory on the GPU")],
)  # fmt: skip
def test_the_capacity_that_fits_is_named(model, monkeypatch, room, words):
    FullDevice.room = room
    fake = type("ort", (), {**vars(ort), "OrtValue": FullDevice})
    monkeypatch.setattr(slot_batch, "ort", fake)
    with pytest.raises(RtdenoiseError, match=words):
        StreamPool(model, 16, HOP)


def test_other_errors_while_building_are_not_taken_for_memory(model, monkeypatch):
    monkeypatch.setattr(stream_pool, "SlotBatch", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        StreamPool(model, 4, HOP)


class Device:
    """A device in name only: buffers are on the CPU, copies to and from them are counted."""

    def __init__(self):
        self.up, self.down = [], []

    def value(self):
        device = self

        class OnDevice(ort.OrtValue):
            @staticmethod
            def ortvalue_from_numpy(values, name="cpu", *_):
                assert name == "cuda"
                plain = ort.OrtValue.ortvalue_from_numpy(values, "cpu")
                made = OnDevice(plain._get_c_value() if hasattr(plain, "_get_c_value")
                                else plain._ortvalue, values)  # fmt: skip
                return made

            def update_inplace(self, values):
                device.up.append(values.nbytes)
                super().update_inplace(values)

            def numpy(self):
                copy = super().numpy().copy()
                device.down.append(copy.nbytes)
                return copy

        return OnDevice


class OnCuda(ort.InferenceSession):
    def get_providers(self):
        return [loading.CUDA, loading.CPU]


def on_fake_cuda(monkeypatch, module):
    """Let sessions and buffers of `module` be on CUDA in name; return the device, the settings."""
    device, settings = Device(), []

    def create(source, options, cuda):
        settings.append(cuda)
        name = source if isinstance(source, bytes) else str(source)
        return OnCuda(name, options, providers=[loading.CPU])

    monkeypatch.setattr(loading, "_create", create)
    monkeypatch.setattr(module, "ort", type("ort", (), {**vars(ort), "OrtValue": device.value()}))
    return device, settings


def test_states_never_leave_the_device(model, expected, monkeypatch):
    """Per hop: the audio and one mask go up, the audio comes down, whatever joins or is late."""
    device, settings = on_fake_cuda(monkeypatch, slot_batch)
    pool, out = StreamPool(model._replace(provider="cuda"), 4, HOP), {}
    assert [s["enable_cuda_graph"] for s in settings] == ["1"] * 3
    keys = [pool.join() for _ in range(4)]
    for key, row in zip(keys, AUDIO, strict=False):
        pool.feed(key, row)
    pool.step()
    audio, mask = 4 * HOP * 4, 4
    del device.up[:], device.down[:]
    out = drain(pool, out)
    hops = AUDIO.shape[1] // HOP - 1
    assert device.up == [audio, mask] * hops and device.down == [audio] * hops
    got = np.stack([np.concatenate(out[key]) for key in keys])
    np.testing.assert_allclose(got, expected[:4, HOP:], atol=1e-5)
