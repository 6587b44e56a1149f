"""Checked without a GPU: the exported graphs run on CUDA as a whole and can be recorded.

A CUDA graph needs fixed shapes and every node on the GPU. Nodes that onnxruntime's CUDA provider
does not implement, and arithmetic on shapes, go to the CPU with copies in between.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from benchmarks.speed.graph_memory import fixed_graph, memory, memory_table, tensor_types
from rtdenoise.inference import fixed_shape_session, loading
from rtdenoise.inference.engines import RollingEngine, SegmentEngine, StreamEngine
from rtdenoise.inference.loading import bundled_models, load_model
from rtdenoise.inference.slot_graphs import add_due_mask, make_reset_graph
from tests.command import noise
from tests.inference.test_stream_pool import on_fake_cuda

FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}
MOVES = FLOATS | {onnx.TensorProto.BOOL}  # operators that only move values take any type
# From docs/OperatorKernels.md of onnxruntime (2026), CUDAExecutionProvider, domain ai.onnx: the
# opsets of a kernel that covers opset 17, and the types of the data that it takes.
CUDA_KERNELS = {
    "Add": ("14+", FLOATS),
    "AveragePool": ("11-18", FLOATS),
    "Cast": ("13-18", MOVES),
    "Clip": ("13+", FLOATS),
    "Concat": ("13+", MOVES),
    "Conv": ("11-21", FLOATS),
    "ConvTranspose": ("11+", FLOATS),
    "CumSum": ("14+", FLOATS),
    "Div": ("14+", FLOATS),
    "Exp": ("13+", FLOATS),
    "Flatten": ("13+", MOVES),
    "Gather": ("13+", MOVES),
    "Gemm": ("13+", FLOATS),
    "LeakyRelu": ("16+", FLOATS),
    "Less": ("13+", MOVES),  # with Where: LeakyRelu of halves, as the CPU provider writes it out
    "Log": ("13+", FLOATS),
    "MatMul": ("13+", FLOATS),
    "Max": ("13+", FLOATS),
    "MaxPool": ("12+", FLOATS),
    "Mul": ("14+", FLOATS),
    "Neg": ("13+", FLOATS),
    "Pad": ("13-17", MOVES),
    "Reciprocal": ("13+", FLOATS),
    "ReduceSum": ("13+", FLOATS),
    "Reshape": ("14-18", MOVES),
    "Sigmoid": ("13+", FLOATS),
    "Slice": ("13+", MOVES),
    "Split": ("13-17", MOVES),
    "Sub": ("14+", FLOATS),
    "Transpose": ("13-20", MOVES),
    "Unsqueeze": ("13-20", MOVES),
    "Where": ("16+", MOVES),
}
# Inputs that these kernels read on the host: shapes, axes, indices. They must be constants.
HOST_INPUTS = dict.fromkeys(
    ["Clip", "CumSum", "Pad", "ReduceSum", "Reshape", "Slice", "Split", "Unsqueeze"], 1
)
FORMS = ["stream", "rolling", "segment"]


def opset_problem(operator: str, opset: int) -> bool:
    """Whether no kernel in the table covers an operator as `opset` defines it."""
    first, _, last = CUDA_KERNELS[operator][0].rstrip("+").partition("-")
    since = onnx.defs.get_schema(operator, opset).since_version
    ends = int(last) if last else (10**6 if CUDA_KERNELS[operator][0].endswith("+") else int(first))
    return not int(first) <= since <= ends


def problems(model: onnx.ModelProto) -> list[str]:
    """What would put a node on the CPU, or change a shape at run time."""
    graph, types = model.graph, tensor_types(model.graph)
    constants = {tensor.name: tensor.data_type for tensor in graph.initializer}
    opset = next(x.version for x in model.opset_import if x.domain in ("", "ai.onnx"))
    found = []
    for node in graph.node:
        name = f"{node.op_type} {node.output[0]}"
        if node.domain not in ("", "ai.onnx") or node.op_type not in CUDA_KERNELS:
            found.append(f"{name}: no CUDA kernel")
            continue
        if opset_problem(node.op_type, opset):
            found.append(f"{name}: not for opset {opset}")
        host = HOST_INPUTS.get(node.op_type, len(node.input))
        data = [x for x in node.input[:host] if x] + [x for x in node.output if x]
        if node.op_type == "Gather":
            data.remove(node.input[1])  # indices, checked below
            host = 1
        for tensor in data:
            kind = constants.get(tensor) or types[tensor].elem_type
            if kind not in CUDA_KERNELS[node.op_type][1]:
                found.append(f"{name}: type {kind}")
        read = [x for x in node.input[host:] if x]
        found += [f"{name}: {x} is not a constant" for x in read if x not in constants]
    for tensor, kind in types.items():
        if any(dimension.dim_value < 1 for dimension in kind.shape.dim):
            found.append(f"{tensor}: its shape is not fixed")
    missing = {x for node in graph.node for x in node.output} - set(types)
    return found + [f"{x}: its shape is not known" for x in missing]


def samples_of(path: Path) -> int:
    card = load_model(path, provider="cpu").card
    return {"stream": 480, "segment": card.segment}.get(card.form, card.before + 480 + card.after)


@pytest.mark.parametrize("batch", [1, 64])
@pytest.mark.parametrize("form", FORMS)
def test_every_node_of_the_bundled_models_runs_on_cuda(form, batch):
    path = bundled_models()[f"default-{form}"]
    assert problems(fixed_graph(path, batch, samples_of(path))) == []


@pytest.mark.parametrize("form", FORMS)
def test_every_node_of_a_new_export_runs_on_cuda(form, request):
    path = request.getfixturevalue(f"toy_{form}_model")
    assert problems(fixed_graph(path, 3, samples_of(path))) == []


def test_every_node_of_a_half_precision_export_runs_on_cuda(toy_checkpoint, tmp_path):
    from export.onnx_export import export_checkpoint

    path = export_checkpoint(toy_checkpoint, tmp_path / "h.onnx", "stream", precision="fp16")
    graph = fixed_graph(path, 3, 480)
    assert problems(graph) == []
    kinds = {kind.elem_type for kind in tensor_types(graph.graph).values()}
    assert onnx.TensorProto.FLOAT16 in kinds


def test_the_graphs_of_a_pool_run_on_cuda(toy_stream_model):
    for path in (toy_stream_model, bundled_models()["default-stream"]):
        initial = StreamEngine(load_model(path, provider="cpu"), 1).initial_states
        assert problems(fixed_graph(add_due_mask(path), 5, 480)) == []
        assert problems(fixed_graph(make_reset_graph(path, initial), 5, 480)) == []


def test_the_check_sees_what_breaks_a_recording(toy_stream_model):
    graph = fixed_graph(toy_stream_model, 2, 480)
    first = graph.graph.node[0]
    extra = [
        onnx.helper.make_node("NonZero", [first.output[0]], ["where_sound_is"]),
        onnx.helper.make_node("Shape", [first.output[0]], ["a_shape"]),
        onnx.helper.make_node("Reshape", [first.output[0], "a_shape"], ["reshaped"]),
    ]
    graph.graph.node.extend(extra)
    found = problems(onnx.shape_inference.infer_shapes(graph))
    assert {"NonZero where_sound_is: no CUDA kernel", "Shape a_shape: no CUDA kernel"} <= {*found}
    assert "Reshape reshaped: a_shape is not a constant" in found
    assert any("shape is not" in line for line in found)
    loose = onnx.shape_inference.infer_shapes(onnx.load(str(toy_stream_model)))
    assert any(line.endswith("its shape is not fixed") for line in problems(loose))


@pytest.mark.parametrize("form", FORMS)
def test_engines_keep_their_states_on_the_device(form, request, monkeypatch):
    """Per hop, audio goes up and audio comes down; the CUDA graph is asked for."""
    model = load_model(request.getfixturevalue(f"toy_{form}_model"), provider="cpu")
    make = {"stream": StreamEngine, "rolling": RollingEngine, "segment": SegmentEngine}[form]
    audio = noise(480 * 8, 2).T
    hops = np.split(audio, 8, axis=1)
    plain = make(model, 2, 480)
    expected = [plain.step(hop) for hop in hops]
    device, settings = on_fake_cuda(monkeypatch, fixed_shape_session)
    engine = make(model._replace(provider="cuda"), 2, 480)
    assert {s["enable_cuda_graph"] for s in settings} == {"1"}
    # Two bindings record one graph each: in one session, older versions of onnxruntime would
    # replay the first with the second's addresses (microsoft/onnxruntime pull request 32121).
    assert len(settings) == (2 if form == "stream" else 1)
    del device.up[:], device.down[:]
    got = [engine.step(hop) for hop in hops]
    session = engine.fixed_session
    out = session._out.tensor_size_in_bytes()
    assert device.up == [session._host.nbytes] * 8 and device.down == [out] * 8
    np.testing.assert_allclose(np.hstack(got), np.hstack(expected), atol=1e-6)


def test_a_recording_that_is_refused_runs_without_one(toy_stream_model, monkeypatch):
    model = load_model(toy_stream_model, provider="cpu")
    tried = []

    def create(source, options, cuda):
        tried.append("enable_cuda_graph" in cuda)
        if tried[-1]:
            raise RuntimeError("This session cannot use the graph capture feature")
        return type("OnCuda", (), {"get_providers": lambda _: [loading.CUDA]})()

    monkeypatch.setattr(loading, "_create", create)
    loading.open_session(model._replace(provider="cuda"), {"batch": 1, "samples": 480})
    assert tried == [True, False]


def test_memory_is_what_the_buffers_hold(toy_stream_model):
    from rtdenoise import StreamPool

    found = memory(toy_stream_model, 7, 480)
    pool = StreamPool(load_model(toy_stream_model, provider="cpu"), 7, 480)
    masks = 2 * 7
    assert pool.nbytes == found.states + found.audio + masks
    file = toy_stream_model.stat().st_size
    assert 0.5 * file < found.weights < 1.5 * file and found.scratch > 7 * 480 * 4
    assert memory(toy_stream_model, 14, 480).scratch > 1.8 * found.scratch


def test_memory_is_printed():
    rows, text = memory_table()
    assert [row["batch"] for row in rows] == [1, 16, 64, 256, 512, 1024]
    assert all(row["total"] > row["states"] > 0 for row in rows) and "scratch MB" in text
