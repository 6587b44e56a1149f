"""Graphs for a batch of independent streams, made from a stream model.

A batch has rows ("slots") for streams that come and go, and not every stream has audio for every
hop. Selecting inside the graph keeps the states on the device: no state is copied to the host, and
the shapes never change, so that a recorded CUDA graph stays valid.

    state --+--> network --> next state --> Where(due, next state, state) --> held state
            |                                                        ^
            +--------------------------------------------------------+
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RtdenoiseError

DUE, FRESH = "due", "fresh"  # inputs [batch], bool


def add_due_mask(path: Path) -> bytes:
    """Return the stream model with the further input `due` [batch].

    The states of rows that are not due stay as they were; what is computed for them is dropped.
    """
    onnx = import_onnx()
    model = onnx.load(str(path))
    graph, (_, *states), (_, *following) = model.graph, model.graph.input, model.graph.output
    masks = _Masks(onnx, DUE, [_mask_shape(state, path) for state in states])
    held = [_like(state, f"held_{state.name}") for state in states]
    nodes = [
        onnx.helper.make_node("Where", [mask, after.name, state.name], [new.name])
        for mask, after, state, new in zip(masks.names, following, states, held, strict=True)
    ]
    graph.input.append(masks.input)
    graph.initializer.extend(masks.shapes)
    graph.node.extend([*masks.nodes, *nodes])
    del graph.output[1:]
    graph.output.extend(held)
    return bytes(model.SerializeToString())


def make_reset_graph(path: Path, initial: list[NDArray[np.float32]]) -> bytes:
    """Return a graph that gives the rows that are `fresh` [batch] the `initial` states.

    Inputs are the states and `fresh`, outputs the new states. `initial` has a batch of one.
    """
    onnx = import_onnx()
    source = onnx.load(str(path))
    _, *states = source.graph.input
    masks = _Masks(onnx, FRESH, [_mask_shape(state, path) for state in states])
    new = [_like(state, f"fresh_{state.name}") for state in states]
    start = [
        onnx.numpy_helper.from_array(value, f"initial_{state.name}")
        for value, state in zip(initial, states, strict=True)
    ]
    nodes = [
        onnx.helper.make_node("Where", [mask, value.name, state.name], [out.name])
        for mask, value, state, out in zip(masks.names, start, states, new, strict=True)
    ]
    graph = onnx.helper.make_graph(
        [*masks.nodes, *nodes], "reset", [*states, masks.input], new, [*masks.shapes, *start]
    )
    opsets = [opset for opset in source.opset_import if opset.domain in ("", "ai.onnx")]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=source.ir_version)
    return bytes(model.SerializeToString())


def import_onnx() -> ModuleType:
    """Import the package onnx, which the rest of the runtime does not need."""
    try:
        import onnx
    except ImportError as error:
        raise RtdenoiseError(
            "a pool of streams needs the package onnx: pip install 'rtdenoise[server]'"
        ) from error
    return onnx  # type: ignore[no-any-return]


class _Masks:
    """A mask [batch], reshaped once for every layout of states that it selects from."""

    def __init__(self, onnx: ModuleType, name: str, layouts: list[list[int]]) -> None:
        self.input = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.BOOL, ["batch"])
        numbers = {layout: i for i, layout in enumerate(dict.fromkeys(map(tuple, layouts)))}
        self.names = [f"{name}_{numbers[tuple(layout)]}" for layout in layouts]
        self.shapes = [
            onnx.numpy_helper.from_array(np.array(layout, np.int64), f"{name}_shape_{i}")
            for layout, i in numbers.items()
        ]
        self.nodes = [
            onnx.helper.make_node("Reshape", [name, f"{name}_shape_{i}"], [f"{name}_{i}"])
            for i in numbers.values()
        ]


def _mask_shape(state: Any, path: Path) -> list[int]:
    """Return the shape that lines a mask up with a state's batch axis: [1, -1, 1], for example."""
    dimensions = state.type.tensor_type.shape.dim
    shape = [-1 if dimension.dim_param == "batch" else 1 for dimension in dimensions]
    if shape.count(-1) != 1:
        raise RtdenoiseError(f"{path} has no batch axis in {state.name}: export it again")
    return shape


def _like(value: Any, name: str) -> Any:
    """Return a copy of a value's description under another name."""
    copy = type(value)()
    copy.CopyFrom(value)
    copy.name = name
    return copy
