"""How much device memory a batch of streams takes, computed from the graph; no device is needed.

The graph is the one that onnxruntime makes for fixed shapes, before it divides nodes among
providers. Scratch is the peak of all intermediate results that live at the same time. onnxruntime's
arena grows in powers of two, and CUDA, cuBLAS and cuDNN take some hundred MB of their own, so the
sum is a lower bound.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
from onnx import helper, shape_inference

from rtdenoise.inference import CPU, Model, load_model

from ..reporting import markdown

BATCHES = (1, 16, 64, 256, 512, 1024)
COLUMNS = {
    "batch": "streams",
    "weights": "weights MB",
    "states": "states MB",
    "audio": "audio MB",
    "scratch": "scratch MB",
    "total": "sum MB",
}


@dataclass
class Memory:
    """Bytes on the device. `states` counts both sets of buffers; `scratch` is a peak."""

    weights: int
    states: int
    audio: int
    scratch: int

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return self.weights + self.states + self.audio + self.scratch


def fixed_graph(model: Path | bytes, batch: int, samples: int) -> onnx.ModelProto:
    """Return the graph that onnxruntime makes of a model for fixed shapes, with inferred shapes.

    It is optimised as far as all providers do alike: constants are folded, nothing is fused for one
    provider.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder, "fixed.onnx"))
        options.log_severity_level = 4  # it warns that the file is for this machine: it is
        for name, size in (("batch", batch), ("samples", samples)):
            options.add_free_dimension_override_by_name(name, size)
        source = model if isinstance(model, bytes) else str(model)
        ort.InferenceSession(source, options, providers=[CPU])
        return shape_inference.infer_shapes(onnx.load(options.optimized_model_filepath))


def tensor_types(graph: onnx.GraphProto) -> dict[str, Any]:
    """Return the type of every tensor by name: element type and shape."""
    values = [*graph.input, *graph.output, *graph.value_info]
    return {value.name: value.type.tensor_type for value in values}


def memory(model: Path, batch: int, samples: int) -> Memory:
    """Return what a batch of streams takes; rows beyond two add what the second added."""
    return _grown(*_one_and_two(model, samples), batch)


def memory_table(model: str | None = None, samples: int = 480) -> tuple[list[dict[str, Any]], str]:
    """Return rows for `BATCHES` streams with hops of `samples`, and them as Markdown."""
    loaded: Model = load_model(model, "stream", "cpu")
    rows = []
    counted = _one_and_two(loaded.path, samples)
    for batch in BATCHES:
        found = _grown(*counted, batch)
        parts = {part: getattr(found, part) / 1e6 for part in COLUMNS if part != "batch"}
        rows.append({"batch": batch, **parts})
    title = f"Device memory, computed: streams with hops of {samples / 48:g} ms"
    return rows, markdown(title, COLUMNS, rows)


def _one_and_two(model: Path, samples: int) -> tuple[Memory, Memory]:
    one, two = (_count(fixed_graph(model, count, samples)) for count in (1, 2))
    return one, two


def _grown(one: Memory, two: Memory, batch: int) -> Memory:
    """Return the memory of a batch from those of one and two rows."""
    if batch == 1:
        return one
    parts = ("states", "audio", "scratch")
    each = {part: getattr(two, part) - getattr(one, part) for part in parts}
    return Memory(two.weights, *(getattr(two, part) + (batch - 2) * each[part] for part in parts))


def _count(model: onnx.ModelProto) -> Memory:
    graph, types = model.graph, tensor_types(model.graph)
    weights = {tensor.name: _bytes(tensor.data_type, tensor.dims) for tensor in graph.initializer}
    sizes = {name: _bytes(t.elem_type, _dims(t)) for name, t in types.items()}
    audio, *states = (value.name for value in graph.input if value.name not in weights)
    outputs = [value.name for value in graph.output]
    return Memory(
        weights=sum(weights.values()),
        states=2 * sum(sizes[name] for name in states),
        audio=sizes[audio] + sizes[outputs[0]],
        scratch=_peak(graph, sizes, bound={audio, *states, *outputs, *weights}),
    )


def _peak(graph: onnx.GraphProto, sizes: dict[str, int], bound: set[str]) -> int:
    """Return the largest sum of intermediate tensors that are alive at the same time."""
    last = {name: i for i, node in enumerate(graph.node) for name in node.input}
    alive, peak = dict[str, int](), 0
    for i, node in enumerate(graph.node):
        alive |= {name: sizes[name] for name in node.output if name and name not in bound}
        peak = max(peak, sum(alive.values()))
        alive = {name: size for name, size in alive.items() if last.get(name, -1) > i}
    return peak


def _dims(tensor: Any) -> list[int]:
    return [dimension.dim_value for dimension in tensor.shape.dim]


def _bytes(kind: int, dims: Any) -> int:
    return int(helper.tensor_dtype_to_np_dtype(kind).itemsize * prod(dims))
