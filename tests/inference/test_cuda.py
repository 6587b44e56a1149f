"""The CUDA path: run where there is a card; elsewhere only what it says when it does not load."""

import numpy as np
import onnxruntime as ort
import pytest

from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import loading as session
from rtdenoise.inference.batched_engine import PiecesEngine
from rtdenoise.inference.engines import SegmentEngine, StreamEngine, make_engine
from rtdenoise.inference.loading import has_cuda_driver, load_model

card = pytest.mark.skipif(not has_cuda_driver(), reason="no NVIDIA driver: libcuda.so.1")
AUDIO = np.random.default_rng(0).standard_normal((2, 480 * 1801)).astype("f") * 0.1


def both(path, make, **settings):
    """What an engine gives on CUDA, and on the CPU."""
    models = load_model(path, provider="cuda", **settings), load_model(path, provider="cpu")
    assert models[0].session.get_providers()[0] == "CUDAExecutionProvider"
    return [make(model) for model in models]


@card
@pytest.mark.parametrize("live", [480, None])
def test_carried_state_equals_the_cpu(toy_stream_model, live):
    def run(model):
        engine = StreamEngine(model, 2, live=live)
        return np.concatenate([engine.step(x) for x in np.split(AUDIO[:, :4800], 10, 1)], axis=1)

    a, b = both(toy_stream_model, run)
    np.testing.assert_allclose(a, b, atol=1e-4)


@card
@pytest.mark.parametrize("form", ["segment", "rolling"])
def test_rolling_segments_equal_the_cpu(form, toy_segment_model, toy_rolling_model):
    path = toy_segment_model if form == "segment" else toy_rolling_model

    def run(model):
        engine = make_engine(model, 2, 480)
        return np.concatenate([engine.step(x) for x in np.split(AUDIO[:, :4800], 10, 1)], axis=1)

    a, b = both(path, run)
    np.testing.assert_allclose(a, b, atol=1e-4)


@card
def test_a_batch_of_pieces_equals_the_cpu(toy_stream_model):
    a, b = both(toy_stream_model, lambda m: PiecesEngine(m, 2).step(AUDIO))
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_pieces_as_a_batch_equal_one_pass(toy_stream_model):
    """What a GPU computes, here on the CPU: more pieces than one, twice, and a remainder."""
    model = load_model(toy_stream_model, provider="cpu")
    batched, plain = PiecesEngine(model, 2), StreamEngine(model, 2)
    batched._batched = True
    for audio in (AUDIO, AUDIO[:, ::-1].copy(), AUDIO[:, :4800]):
        np.testing.assert_allclose(batched.step(audio), plain.step(audio), atol=1e-5)
    assert {engine.channels for engine in batched._batches.values()} == {8}


@card
def test_tf32_is_near(toy_segment_model):
    a, b = both(toy_segment_model, lambda m: SegmentEngine(m, 2).step(AUDIO), tf32=True)
    np.testing.assert_allclose(a, b, atol=1e-2)


def test_a_provider_that_does_not_load_is_told_not_hidden(toy_stream_model, monkeypatch):
    monkeypatch.setattr(session, "has_cuda_driver", lambda: True)
    monkeypatch.setattr(session, "_create_on_cuda", lambda *_: None)
    with pytest.raises(RtdenoiseError, match="the CUDA provider does not load"):
        load_model(toy_stream_model, provider="cuda")
    with pytest.warns(UserWarning, match="does not load.*running on the CPU"):
        assert load_model(toy_stream_model).provider == "cpu"


def test_nothing_falls_back_to_the_cpu_unsaid(toy_stream_model, monkeypatch):
    model = load_model(toy_stream_model, provider="cpu")._replace(provider="cuda")
    monkeypatch.setattr(session, "_create", lambda *_: model.session)
    with pytest.raises(RtdenoiseError, match="CUDA was lost"):
        session.open_session(model, {})


@pytest.mark.skipif(session.CUDA not in ort.get_available_providers(), reason="no CUDA build")
def test_the_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(session, "has_cuda_driver", lambda: True)
    reason = session._cuda_reason()
    assert "pip install" in reason
    assert ".so" in reason or ".dll" in reason or "too old" in reason
