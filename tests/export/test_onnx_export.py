"""Exported graphs say what PyTorch says, with the timestep folded and the card inside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from export import onnx_export
from export.onnx_export import export_checkpoint
from export.precision import FEW, round_to_half
from rtdenoise import Denoiser
from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference.model_card import METADATA_KEY, ModelCard
from train.checkpoint import load_network
from train.networks import build, for_export, trained_tensors


def card(path: Path) -> ModelCard:
    properties = {p.key: p.value for p in onnx.load(path).metadata_props}
    return ModelCard.from_json(properties[METADATA_KEY])


def checkpoint(path: Path, name: str, **options) -> Path:
    torch.save(
        {
            "model_state_dict": build(name, **options).state_dict(),
            "optimizer_state_dict": {},
            "scheduler_state_dict": {},
            "epoch": 0,
            "loss": 0.0,
            "config": {"network": name, "network_options": options},
        },
        path,
    )
    return path


@pytest.mark.parametrize("form", ["segment", "stream", "rolling"])
def test_the_timestep_is_folded(form, toy_segment_model, toy_stream_model, toy_rolling_model):
    paths = {"segment": toy_segment_model, "stream": toy_stream_model, "rolling": toy_rolling_model}
    path = paths[form]
    model = onnx.load(path)
    assert not {node.op_type for node in model.graph.node} & {"Sin", "Cos", "Sigmoid_t"}
    names = [i.name for i in model.graph.input]
    assert names[0] == "audio" and all(n.startswith("state_") for n in names[1:])
    assert not any("timestep" in i.name for i in model.graph.initializer)
    found = card(path)
    assert (found.form, found.timestep, found.hop, found.lookahead) == (form, 0, 480, 480)
    assert len(found.checkpoint_sha256) == 64


def test_a_prefix_writes_all_forms(tmp_path, toy_checkpoint):
    command = [
        sys.executable,
        "-m",
        "export",
        str(toy_checkpoint),
        str(tmp_path / "mine"),
        "--name",
        "mine",
        "--training-data",
        "none at all",
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "largest difference from PyTorch" in result.stdout
    forms = ["mine-rolling.onnx", "mine-segment.onnx", "mine-stream.onnx"]
    assert sorted(p.name for p in tmp_path.iterdir()) == forms
    assert card(tmp_path / "mine-stream.onnx").training_data == "none at all"


def test_baseline_exports_its_segment_form_only(tmp_path):
    path = checkpoint(tmp_path / "b.pth", "baseline")
    export_checkpoint(path, tmp_path / "b.onnx", "segment")
    assert card(tmp_path / "b.onnx").fits_segment
    for form in ("stream", "rolling"):
        with pytest.raises(RtdenoiseError, match=f"no {form} form"):
            export_checkpoint(path, tmp_path / "s.onnx", form)


def test_a_graph_that_differs_is_not_written(tmp_path, toy_checkpoint, monkeypatch):
    """Drop the trained bias of the first MatMul, as a broken exporter might."""
    share = onnx_export.share_constants

    def broken(model: onnx.ModelProto) -> onnx.ModelProto:
        model = share(model)
        node = next(n for n in model.graph.node if n.op_type == "LeakyRelu")
        node.attribute[0].f = 0.5
        return model

    monkeypatch.setattr(onnx_export, "share_constants", broken)
    with pytest.raises(RtdenoiseError, match="differ"):
        export_checkpoint(toy_checkpoint, tmp_path / "x.onnx", "stream")
    assert not list(tmp_path.iterdir())


def test_bad_input_is_one_line_and_exit_2(tmp_path, toy_checkpoint):
    (tmp_path / "junk.pth").write_bytes(b"junk")
    state = torch.load(toy_checkpoint, weights_only=True)
    state["config"]["network_options"] = {"channels": 8}
    torch.save(state, tmp_path / "other.pth")
    for source, target, word in (
        ("absent.pth", "x.onnx", "does not exist"),
        ("junk.pth", "x.onnx", "not a checkpoint"),
        ("other.pth", "x.onnx", "another shape"),
        (toy_checkpoint, "no/x.onnx", "folder"),
    ):
        result = subprocess.run(
            [sys.executable, "-m", "export", str(tmp_path / source), str(tmp_path / target)],
            capture_output=True,
            text=True,
        )
        assert result.returncode == 2 and word in result.stderr, result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.glob("*.onnx"))


def test_spectral_norm_is_folded_into_plain_weights(tmp_path):
    layers = [[4, 16, 4], [4, 8, 2]]
    counts = []
    for norm in (False, True):
        path = checkpoint(tmp_path / "b.pth", "baseline", layers=layers, spectral_norm=norm)
        model = onnx.load(export_checkpoint(path, tmp_path / "b.onnx"))
        counts.append(len(model.graph.node))
    assert counts[0] == counts[1]
    network = for_export(build("baseline", layers=layers, spectral_norm=True))
    for layer in (network.encoder[0], network.decoder[-1]):
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
        assert 0.5 < float(largest.detach()) < 1.5


@pytest.mark.parametrize(("precision", "error"), [("fp16", 0.01), ("int8", 0.1)])
def test_lower_precisions_are_smaller_and_near(toy_checkpoint, tmp_path, capsys, precision, error):
    full, small = tmp_path / "full.onnx", tmp_path / "small.onnx"
    export_checkpoint(toy_checkpoint, full, "stream")
    export_checkpoint(toy_checkpoint, small, "stream", precision=precision)
    said = [float(line.rsplit(" ", 1)[1]) for line in capsys.readouterr().out.splitlines()]
    assert said[0] < 1e-4 < said[1] < error
    types = {t.data_type for t in onnx.load(small).graph.initializer}
    assert {"fp16": onnx.TensorProto.FLOAT16, "int8": onnx.TensorProto.INT8}[precision] in types


def test_half_size_rounds_the_weights_only(toy_checkpoint, tmp_path, capsys):
    full, small = (tmp_path / f"{name}-stream.onnx" for name in ("full", "small"))
    export_checkpoint(toy_checkpoint, full, "stream")
    export_checkpoint(toy_checkpoint, small, "stream", half_size=True)
    differences = [float(line.rsplit(" ", 1)[1]) for line in capsys.readouterr().out.splitlines()]
    assert max(differences) < 1e-5  # from PyTorch, which has the same rounded weights
    large = {t.name: t for t in onnx.load(full).graph.initializer}
    halves = {t.name: t for t in onnx.load(small).graph.initializer if t.name.endswith("_half")}
    assert len(halves) > 10
    for name, half in halves.items():
        exact = onnx.numpy_helper.to_array(large[name.removesuffix("_half")])
        rounded = onnx.numpy_helper.to_array(half)
        assert rounded.dtype == "float16"
        assert np.array_equal(rounded, exact.astype("float16"))
    audio = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    a, b = (Denoiser(path, opening=0)(audio, 48_000) for path in (full, small))
    assert 0 < np.abs(a - b).max() < 1e-3


def test_half_size_keeps_the_fourier_transform_exact(toy_checkpoint, tmp_path):
    network = for_export(load_network(toy_checkpoint))
    before = [t.clone() for t in network.fourier.buffers()]
    round_to_half(network)
    assert all(torch.equal(a, b) for a, b in zip(before, network.fourier.buffers(), strict=True))
    for tensor in trained_tensors(network):
        if tensor.numel() > FEW:
            assert torch.equal(tensor, tensor.half().float())


def test_tf32_is_what_ten_bits_leave(toy_checkpoint, tmp_path, capsys):
    export_checkpoint(toy_checkpoint, tmp_path / "t.onnx", "stream", precision="tf32")
    assert 1e-7 < float(capsys.readouterr().out.rsplit(" ", 1)[1]) < 0.01
    matrices = [
        onnx.numpy_helper.to_array(t)
        for t in onnx.load(tmp_path / "t.onnx").graph.initializer
        if t.data_type == onnx.TensorProto.FLOAT and len(t.dims) > 1
    ]
    assert matrices and all((m.view("uint32") & 0x1FFF == 0).all() for m in matrices)
