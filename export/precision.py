"""Precisions of exported files: half-size weights, and those that are there to be measured."""

from __future__ import annotations

import logging
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import onnx
import torch

from train.networks import DenoisingNetwork, trained_tensors

PRECISIONS = ("fp32", "fp16", "int8", "tf32")
FEW = 256  # values; smaller tensors stay as they are, because a file gains nothing by them
TF32_BITS = 23 - 10  # bits of the mantissa that are lost


def while_tracing(precision: str) -> AbstractContextManager[object]:
    """Return the context to trace in: with fp16, only matrix products use half precision.

    The compressed spectrum spans nine decades, which is more than half precision can represent.
    """
    return torch.autocast("cpu", torch.float16, enabled=precision == "fp16", cache_enabled=False)


def after_tracing(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    """Return `model` with weights of the given precision; fp32 leaves it unchanged.

    int8: one scale per weight column; activations are quantised at run time (onnxruntime's dynamic
    quantisation). The weights have 7 bits, from -64 to 64. On processors with AVX2 but without
    VNNI, onnxruntime multiplies with `pmaddubsw`, which adds two products of an unsigned and a
    signed byte and saturates at 32767: 255 * 127 * 2 does not fit, 255 * 64 * 2 does.

    tf32: weights are rounded as CUDA rounds them. CUDA rounds activations too, which this does not
    imitate.
    """
    if precision == "fp16":
        return _halve_weights(model)
    if precision == "tf32":
        return _round_weights(model)
    return _to_int8(model) if precision == "int8" else model


@torch.no_grad()
def round_to_half(network: DenoisingNetwork) -> None:
    """Round the matrices of a network that is ready for export to what half precision can hold.

    `store_in_half` then halves the size of the file without any further loss. The tables of the
    Fourier transform stay exact: rounded, they would add noise 65 dB below any signal.
    """
    for tensor in trained_tensors(network):
        if tensor.numel() > FEW and tensor.dtype == torch.float32:
            rounded = tensor.half().float()
            if rounded.isfinite().all():
                tensor.copy_(rounded)


def store_in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store each matrix that half precision holds exactly in it; a Cast restores float32.

    onnxruntime computes the Cast once, when it loads the file: a call costs what it did.
    """
    casts = []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size <= FEW:
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}_half"))
        casts.append(
            onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def _round_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Round matrices to nearest, to the 10 bits of mantissa that TF32 keeps."""
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 1:
            bits = onnx.numpy_helper.to_array(tensor).view("uint32")
            bits = (bits + (1 << TF32_BITS - 1)) >> TF32_BITS << TF32_BITS
            tensor.CopyFrom(onnx.numpy_helper.from_array(bits.view("float32"), tensor.name))
    return model


def _halve_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store weights in half precision if every use casts them to it."""
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for name, tensor in weights.items():
        casts = readers.get(name, [])
        if not casts or any(not _is_half_cast(node) for node in casts):
            continue
        values = onnx.numpy_helper.to_array(tensor).astype("float16")
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, name))
        renamed = {node.output[0] for node in casts}
        for node in casts:
            graph.node.remove(node)
        for node in graph.node:
            for i, read in enumerate(node.input):
                node.input[i] = name if read in renamed else read
    return model


def _is_half_cast(node: onnx.NodeProto) -> bool:
    return node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.FLOAT16


def _to_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().setLevel(
        logging.ERROR
    )  # it recommends preprocessing that is not needed here
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        onnx.save(model, str(source))
        quantize_dynamic(
            source, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
        )
        return onnx.load(str(target))
