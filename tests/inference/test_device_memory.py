"""A GPU whose memory is full: one line that says what would fit, or smaller batches for files."""

from __future__ import annotations

import numpy as np
import pytest

from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import loading, parallel_engine
from rtdenoise.inference.device_memory import is_out_of_memory, largest_that_fits, out_of_memory
from rtdenoise.inference.engines import StreamEngine
from rtdenoise.inference.loading import load_model
from rtdenoise.inference.parallel_engine import ParallelStreamEngine
from tests.command import noise

FULL = (
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running "
    "Gemm node. Name:'node_7' Status Message: bfc_arena.cc:376 void* AllocateRawInternal(...) "
    "Failed to allocate memory for requested buffer of size 2830172160"
)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(FULL),
        RuntimeError("Available memory of 1024 is smaller than requested bytes of 4096"),
        RuntimeError("CUDA failure 2: out of memory ; GPU=0"),
        RuntimeError("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED"),
        MemoryError(),
    ],
)
def test_errors_about_memory_are_recognised(error):
    assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("CUDA failure 700: an illegal memory access"))


@pytest.mark.parametrize(("room", "fits"), [(100, 32), (31, 16), (1, 1), (0, 0)])
def test_the_largest_half_that_fits(room, fits):
    tried = []

    def attempt(count):
        tried.append(count)
        if count > room:
            raise RuntimeError(FULL)

    assert largest_that_fits(64, attempt) == fits
    assert tried == [64 // 2**i for i in range(1, len(tried) + 1)]
    line = str(out_of_memory(64, fits))
    assert "\n" not in line and (f"batch of {fits}" if fits else "not even one fits") in line
    with pytest.raises(ZeroDivisionError):
        largest_that_fits(4, lambda _: 1 / 0)


class Crowded(StreamEngine):
    """A stream engine on a device that holds `room` rows."""

    room = 0

    def step(self, block):
        if len(block) > self.room:
            raise RuntimeError(FULL)
        return super().step(block)


def test_files_take_smaller_batches(toy_stream_model, monkeypatch):
    model = load_model(toy_stream_model, provider="cpu")._replace(provider="cuda")
    audio = noise(480 * 1801, 2).T  # four chunks of two channels
    expected = StreamEngine(model, 2).step(audio)
    monkeypatch.setattr(parallel_engine, "StreamEngine", Crowded)
    Crowded.room = 3
    engine = ParallelStreamEngine(model, 2)
    with pytest.warns(UserWarning, match="does not hold a batch of .* trying .* at a time") as said:
        got = engine.step(audio)
    assert len(said) == 2 and all("\n" not in str(w.message) for w in said)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_files_that_not_even_one_piece_of_fits_get_one_line(toy_stream_model, monkeypatch):
    model = load_model(toy_stream_model, provider="cpu")._replace(provider="cuda")
    engine = ParallelStreamEngine(model, 1)
    monkeypatch.setattr(parallel_engine, "StreamEngine", Crowded)
    Crowded.room = 0
    with (
        pytest.warns(UserWarning),
        pytest.raises(RtdenoiseError, match="a batch of 1: not even one fits: free memory"),
    ):
        engine.step(noise(480 * 1801, 1).T)


def test_a_full_gpu_is_not_called_an_old_one(toy_stream_model, monkeypatch):
    def create(source, options, cuda):
        if cuda:
            raise RuntimeError("CUDA failure 2: out of memory")
        return plain(source, options, cuda)

    plain = loading._create
    monkeypatch.setattr(loading, "_create", create)
    monkeypatch.setattr(loading, "has_cuda_driver", lambda: True)
    with pytest.raises(RtdenoiseError, match="GPU's memory is full: end what uses it") as caught:
        load_model(toy_stream_model, provider="cuda")
    assert "\n" not in str(caught.value)
    with pytest.warns(UserWarning, match="memory is full.*running on the CPU"):
        assert load_model(toy_stream_model).provider == "cpu"
