"""The cost of a run of an ONNX model, operations and bytes, from the profile of onnxruntime."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

Feeds = dict[str, np.ndarray]


@dataclass
class Cost:
    """The cost of one run. `bytes` sums the weights, inputs and outputs of all nodes, no caches."""

    flops: int  # of matrix products and convolutions, two per multiplication
    bytes: int
    nodes: int


def feeds(session: ort.InferenceSession, batch: int, samples: int) -> Feeds:
    """Return noise as audio [batch, 1, samples], and states of zero."""
    nodes = session.get_inputs()
    shapes = {x.name: [d if isinstance(d, int) else batch for d in x.shape] for x in nodes}
    filled = {
        name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name != "audio"
    }
    noise = np.random.default_rng(0).standard_normal((batch, 1, samples), np.float32)
    return {"audio": 0.1 * noise, **filled}


def cost(model: Path, batch: int, samples: int) -> Cost:
    """Profile one run of `model` on [batch, 1, samples] on the CPU and add up its nodes."""
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = ort.InferenceSession(str(model), options, ["CPUExecutionProvider"])
        session.run(None, feeds(session, batch, samples))
        events = json.loads(Path(session.end_profiling()).read_text())
    nodes = [e["args"] for e in events if e["name"].endswith("_kernel_time")]
    moved = sum(
        int(node["parameter_size"]) + int(node["activation_size"]) + int(node["output_size"])
        for node in nodes
    )
    return Cost(2 * sum(_multiplications(node) for node in nodes), moved, len(nodes))


def cost_of_batch(model: Path, batch: int, samples: int) -> Cost:
    """Return `cost` for any batch, extrapolated linearly from batches of one and two.

    A batch that suits a GPU would take minutes on the CPU, and too much memory.
    """
    if batch <= 2:
        return cost(model, batch, samples)
    one, two = (cost(model, count, samples) for count in (1, 2))
    flops, moved = two.flops - one.flops, two.bytes - one.bytes
    return Cost(two.flops + (batch - 2) * flops, two.bytes + (batch - 2) * moved, two.nodes)


def _multiplications(node: dict[str, Any]) -> int:
    """Return the multiplications of a matrix product or a convolution; 0 for other nodes."""
    kind = node["op_name"]
    inputs = [next(iter(x.values())) for x in node["input_type_shape"]]
    output = [next(iter(x.values())) for x in node["output_type_shape"]][0]
    if kind in ("MatMul", "FusedMatMul", "Gemm", "FusedGemm"):
        return prod(output) * prod(inputs[0][-2:]) // output[-2]  # either factor may be transposed
    if kind in ("Conv", "FusedConv"):
        return prod(output) * prod(inputs[1][1:])
    if kind == "ConvTranspose":
        return prod(inputs[0]) * prod(inputs[1][1:])
    return 0
