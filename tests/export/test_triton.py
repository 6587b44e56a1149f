"""The Triton repository: its config is Triton's protobuf, its graph gives the same audio."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.inference.loading import bundled_models

pb = pytest.importorskip("tritonclient.grpc.model_config_pb2")
text_format = pytest.importorskip("google.protobuf.text_format")


@pytest.fixture(scope="module", params=["toy", "bundled"])
def model(request) -> Path:
    if request.param == "toy":
        return request.getfixturevalue("toy_stream_model")
    return bundled_models()["default-stream"]


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory) -> Path:
    from export.triton import write_repository

    return write_repository(model, tmp_path_factory.mktemp("repository"))


def parsed(folder: Path):
    return text_format.Parse((folder / "config.pbtxt").read_text(), pb.ModelConfig())


def test_the_config_is_tritons_and_fits_the_graph(folder):
    config = parsed(folder)
    session = ort.InferenceSession(str(folder / "1/model.onnx"), providers=["CPUExecutionProvider"])
    shapes = {x.name: x.shape for x in [*session.get_inputs(), *session.get_outputs()]}
    assert config.name == folder.name and config.max_batch_size == 64
    states = config.sequence_batching.state
    named = {"audio", "denoised", *(s.input_name for s in states), *(s.output_name for s in states)}
    assert named == set(shapes)
    for state in states:
        for name in (state.input_name, state.output_name):
            assert shapes[name][0] == "batch" and list(state.dims) == shapes[name][1:]
        (initial,) = state.initial_state
        data = (folder / "initial_state" / initial.data_file).read_bytes()
        assert len(data) == 4 * np.prod(initial.dims) and initial.dims == state.dims


def test_sequences_as_triton_would_run_them_equal_the_file_path(folder, model):
    """Two streams that begin at different times, joined in batches, with Triton's bookkeeping."""
    config = parsed(folder)
    session = ort.InferenceSession(str(folder / "1/model.onnx"), providers=["CPUExecutionProvider"])
    states = config.sequence_batching.state
    silence = [
        np.fromfile(folder / "initial_state" / s.initial_state[0].data_file, np.float32).reshape(
            list(s.dims)
        )
        for s in states
    ]
    hop = config.input[0].dims[1]
    rng = np.random.default_rng(0)
    audio = 0.1 * rng.standard_normal((2, 40 * hop)).astype("f")
    held, heard = {}, {0: [], 1: []}
    for tick in range(45):
        active = {k: tick - 5 * k for k in (0, 1) if 0 <= tick - 5 * k < 40}
        for k, step in active.items():
            if step == 0:
                held[k] = silence
        feed = {s.input_name: np.stack([held[k][i] for k in active]) for i, s in enumerate(states)}
        feed["audio"] = np.stack(
            [audio[k, None, n * hop : (n + 1) * hop] for k, n in active.items()]
        )
        names = ["denoised", *(s.output_name for s in states)]
        out, *following = session.run(names, feed)
        for row, k in enumerate(active):
            heard[k].append(out[row, 0])
            held[k] = [state[row] for state in following]
    denoiser = Denoiser(model, opening=0)
    lag = denoiser.card.lookahead
    for k in (0, 1):
        got, expected = np.concatenate(heard[k]), denoiser(audio[k], 48_000)
        np.testing.assert_allclose(got[lag:], expected[:-lag], atol=1e-4)


def test_what_does_not_fit_is_refused(tmp_path, toy_segment_model, toy_stream_model):
    from export.triton import write_repository

    with pytest.raises(RtdenoiseError, match="segment model"):
        write_repository(toy_segment_model, tmp_path)
    with pytest.raises(RtdenoiseError, match="multiple of 10 ms"):
        write_repository(toy_stream_model, tmp_path, 15)
    write_repository(toy_stream_model, tmp_path)
    command = [sys.executable, "-m", "export.triton", toy_stream_model, tmp_path]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2 and "exists: remove it" in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["toy"]
