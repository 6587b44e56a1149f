"""Long blocks cut into pieces, in threads or as a batch, give what one pass gives."""

from __future__ import annotations

import numpy as np
import pytest

from rtdenoise.inference.batched_engine import PiecesEngine
from rtdenoise.inference.engines import StreamEngine
from rtdenoise.inference.loading import load_model
from tests.command import noise

AUDIO = noise(480 * 1801, 2).T


@pytest.mark.parametrize("provider", ["cpu", "cuda"])  # on "cuda" the pieces form a batch
def test_pieces_side_by_side_equal_one_pass(toy_stream_model, provider):
    model = load_model(toy_stream_model, provider="cpu")._replace(provider=provider)
    alone, pieces = StreamEngine(model, 2), PiecesEngine(model, 2, workers=3)
    expected = alone.step(AUDIO)
    for _ in range(2):
        out = [pieces.step(part) for part in np.split(AUDIO, [480, 480 * 700, 480 * 1790], axis=1)]
        assert np.abs(np.concatenate(out, axis=1) - expected).max() < 1e-6
        pieces.reset()


def test_pieces_as_a_batch_equal_one_pass(toy_stream_model):
    """What a GPU computes, here on the CPU: more pieces than one, twice, and a remainder."""
    model = load_model(toy_stream_model, provider="cpu")
    batched, plain = PiecesEngine(model, 2), StreamEngine(model, 2)
    batched._batched = True
    for audio in (AUDIO, AUDIO[:, ::-1].copy(), AUDIO[:, :4800]):
        np.testing.assert_allclose(batched.step(audio), plain.step(audio), atol=1e-5)
    assert {engine.channels for engine in batched._batches.values()} == {8}
