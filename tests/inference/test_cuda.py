"""CUDA gives what the CPU gives; skipped on machines without a GPU."""

import numpy as np
import pytest

from rtdenoise.inference.engines import SegmentEngine, StreamEngine, make_engine
from rtdenoise.inference.loading import has_cuda_driver, load_model
from rtdenoise.inference.parallel_engine import ParallelStreamEngine

needs_gpu = pytest.mark.skipif(not has_cuda_driver(), reason="no NVIDIA driver: libcuda.so.1")
AUDIO = np.random.default_rng(0).standard_normal((2, 480 * 1801)).astype("f") * 0.1


def both(path, make, **settings):
    """The results of `make` on CUDA and on the CPU."""
    models = load_model(path, provider="cuda", **settings), load_model(path, provider="cpu")
    assert models[0].session.get_providers()[0] == "CUDAExecutionProvider"
    return [make(model) for model in models]


@needs_gpu
@pytest.mark.parametrize("fixed_block", [480, None])
def test_carried_state_equals_the_cpu(toy_stream_model, fixed_block):
    def run(model):
        engine = StreamEngine(model, 2, fixed_block=fixed_block)
        return np.concatenate([engine.step(x) for x in np.split(AUDIO[:, :4800], 10, 1)], axis=1)

    a, b = both(toy_stream_model, run)
    np.testing.assert_allclose(a, b, atol=1e-4)


@needs_gpu
@pytest.mark.parametrize("form", ["segment", "rolling"])
def test_rolling_segments_equal_the_cpu(form, toy_segment_model, toy_rolling_model):
    path = toy_segment_model if form == "segment" else toy_rolling_model

    def run(model):
        engine = make_engine(model, 2, 480)
        return np.concatenate([engine.step(x) for x in np.split(AUDIO[:, :4800], 10, 1)], axis=1)

    a, b = both(path, run)
    np.testing.assert_allclose(a, b, atol=1e-4)


@needs_gpu
def test_a_batch_of_chunks_equals_the_cpu(toy_stream_model):
    a, b = both(toy_stream_model, lambda m: ParallelStreamEngine(m, 2).step(AUDIO))
    np.testing.assert_allclose(a, b, atol=1e-4)


@needs_gpu
def test_tf32_is_close(toy_segment_model):
    a, b = both(toy_segment_model, lambda m: SegmentEngine(m, 2).step(AUDIO), tf32=True)
    np.testing.assert_allclose(a, b, atol=1e-2)
