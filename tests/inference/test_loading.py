"""Loading a model: what is reported when CUDA does not load."""

from __future__ import annotations

import onnxruntime as ort
import pytest

from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import loading
from rtdenoise.inference.loading import load_model


def test_a_provider_that_does_not_load_is_reported(toy_stream_model, monkeypatch):
    monkeypatch.setattr(loading, "has_cuda_driver", lambda: True)
    monkeypatch.setattr(loading, "_create_on_cuda", lambda *_: (None, False))
    with pytest.raises(RtdenoiseError, match="the CUDA provider does not load"):
        load_model(toy_stream_model, provider="cuda")
    with pytest.warns(UserWarning, match="does not load.*running on the CPU"):
        assert load_model(toy_stream_model).provider == "cpu"


def test_nothing_falls_back_to_the_cpu_silently(toy_stream_model, monkeypatch):
    model = load_model(toy_stream_model, provider="cpu")._replace(provider="cuda")
    monkeypatch.setattr(loading, "_create", lambda *_: model.session)
    with pytest.raises(RtdenoiseError, match="CUDA was lost"):
        loading.open_session(model, {})


@pytest.mark.skipif(loading.CUDA not in ort.get_available_providers(), reason="no CUDA build")
def test_the_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(loading, "has_cuda_driver", lambda: True)
    reason = loading._cuda_reason()
    assert "pip install" in reason
    assert ".so" in reason or ".dll" in reason or "too old" in reason
