"""Long blocks split into chunks, in threads or as a batch, give what one pass gives."""

from __future__ import annotations

import numpy as np
import pytest

from rtdenoise.inference.engines import StreamEngine
from rtdenoise.inference.loading import load_model
from rtdenoise.inference.parallel_engine import ParallelStreamEngine
from tests.command import noise

AUDIO = noise(480 * 1801, 2).T


@pytest.mark.parametrize("provider", ["cpu", "cuda"])  # on "cuda" the chunks form a batch
def test_chunks_in_threads_equal_one_pass(toy_stream_model, provider):
    model = load_model(toy_stream_model, provider="cpu")._replace(provider=provider)
    alone, parallel = StreamEngine(model, 2), ParallelStreamEngine(model, 2, workers=3)
    expected = alone.step(AUDIO)
    for _ in range(2):
        out = [
            parallel.step(part) for part in np.split(AUDIO, [480, 480 * 700, 480 * 1790], axis=1)
        ]
        assert np.abs(np.concatenate(out, axis=1) - expected).max() < 1e-6
        parallel.reset()


def test_a_batch_of_chunks_equals_one_pass(toy_stream_model):
    """What a GPU computes, here on the CPU: several chunks, twice, and a remainder."""
    model = load_model(toy_stream_model, provider="cpu")
    batched, plain = ParallelStreamEngine(model, 2), StreamEngine(model, 2)
    batched._use_batch = True
    for audio in (AUDIO, AUDIO[:, ::-1].copy(), AUDIO[:, :4800]):
        np.testing.assert_allclose(batched.step(audio), plain.step(audio), atol=1e-5)
    assert {engine.channels for engine in batched._batch_engines.values()} == {8}
