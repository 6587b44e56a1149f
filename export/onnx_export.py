"""Writes checkpoints as ONNX: timestep 0, with a model card, checked against PyTorch."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from rtdenoise.errors import RtdenoiseError
from rtdenoise.files import part_path
from rtdenoise.inference import FORMS, METADATA_KEY, SEGMENT, ModelCard
from train.checkpoint import load_network
from train.networks import DenoisingNetwork, for_export, zero_timestep

from .parity import LOOSE, TOLERANCE, compare
from .precision import after_tracing, round_to_half, store_in_half, while_tracing

# Later opsets are no faster (benchmarks/results/precision.md), and fewer runtimes support them.
OPSET = 17


class _Segment(nn.Module):
    """The network with its conditioning at t = 0 as a constant."""

    conditioning: Tensor

    def __init__(self, network: DenoisingNetwork) -> None:
        super().__init__()
        self.network = network
        with torch.no_grad():
            self.register_buffer("conditioning", network.condition(zero_timestep(1)))

    def forward(self, audio: Tensor) -> Tensor:
        return self.network.denoise(audio, self.conditioning)


class _Stream(_Segment):
    def forward(self, audio: Tensor, *states: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        out, following = self.network.stream(audio, self.conditioning, list(states))
        return out, *following


class _Rolling(_Segment):
    def forward(self, audio: Tensor) -> Tensor:
        return self.network.latest(audio, self.conditioning)


WRAPPERS = {"segment": _Segment, "stream": _Stream, "rolling": _Rolling}


def export_checkpoint(
    checkpoint: Path,
    target: Path,
    form: str = "segment",
    dynamic: bool = False,
    precision: str = "fp32",
    opset: int = OPSET,
    half_size: bool = False,
    **card: Any,
) -> Path:
    """Write one form of a checkpoint to `target`; `card` sets fields of the ModelCard.

    `half_size` rounds the weights to half precision and stores them so; all is computed in float32.

    Raises RtdenoiseError for a file that is not a checkpoint, a form that the network does not
    have, a path that cannot be written, or a difference from PyTorch above 1e-4 (fp16 and int8:
    above 0.1). Then no file is written.
    """
    network = for_export(load_network(checkpoint))
    if half_size:
        round_to_half(network)
    if form not in _forms(network):
        raise RtdenoiseError(f"{checkpoint}: this network has no {form} form: use --form segment")
    digest = hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest()
    described = ModelCard(
        name=card.pop("name", None) or Path(target).stem.rsplit("-", 1)[0],
        form=form,
        version=card.pop("version", None) or "0.1.0",
        hop=_card_hop(network),
        context=network.context,
        lookahead=network.lookahead,
        checkpoint_sha256=digest,
        **{key: value for key, value in card.items() if value},
    )
    return export_network(network, described, Path(target), dynamic, precision, opset, half_size)


def export_network(
    network: DenoisingNetwork,
    card: ModelCard,
    target: Path,
    dynamic: bool = False,
    precision: str = "fp32",
    opset: int = OPSET,
    half_size: bool = False,
) -> Path:
    """Write `network` in the form that the card names; see `export_checkpoint`."""
    with while_tracing(precision):
        model = trace(network, card.form, dynamic, opset)
    model = after_tracing(model, precision)
    if half_size:
        model = store_in_half(model)
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    model.producer_name = "rtdenoise"
    onnx.checker.check_model(model, full_check=True)
    part = part_path(target)
    try:
        part.write_bytes(model.SerializeToString())
        error = compare(part, network, card, TOLERANCE if precision == "fp32" else LOOSE)
        print(f"{target}: largest difference from PyTorch {error:.1e}")
        os.replace(part, target)
    except OSError as problem:
        raise RtdenoiseError(
            f"{target} cannot be written ({problem.strerror}): choose another folder"
        ) from problem
    finally:
        part.unlink(missing_ok=True)
    return target


def trace(
    network: DenoisingNetwork, form: str, dynamic: bool, opset: int = OPSET
) -> onnx.ModelProto:
    """Trace one form into an ONNX graph with a dynamic batch; `dynamic` frees the time axis."""
    audio = torch.randn(2, 1, SEGMENT)
    inputs, outputs = ["audio"], ["denoised"]
    axes: dict[str, dict[int, str]] = {name: {0: "batch"} for name in ("audio", "denoised")}
    arguments: tuple[Tensor, ...] = (audio,)
    if form == "stream":
        states, single = network.initial_states(2), network.initial_states(1)
        arguments = (audio[..., : 4 * network.hop], *states)
        for i, (state, one) in enumerate(zip(states, single, strict=True)):
            names = (f"state_{i}", f"next_state_{i}")
            inputs.append(names[0])
            outputs.append(names[1])
            axes.update({name: {_batch_axis(state, one): "batch"} for name in names})
    if dynamic or form != "segment":
        axes["audio"][2], axes["denoised"][2] = "samples", "denoised_samples"
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the tracer warns about values that are meant to be constants
        torch.onnx.export(
            WRAPPERS[form](network).eval(),
            arguments,
            buffer,  # type: ignore[arg-type]  # the legacy exporter takes streams
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=opset,
            dynamo=False,
        )
    return share_constants(onnx.load_from_string(buffer.getvalue()))


def share_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store each constant once, as an initialiser, which takes less space than a node for each."""
    graph = model.graph
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        graph.initializer.add().CopyFrom(node.attribute[0].t)
        graph.initializer[-1].name = node.output[0]
        graph.node.remove(node)
    renamed = _remove_equal(graph.initializer)
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
    return model


def _remove_equal(tensors: Any) -> dict[str, str]:
    """Remove all but the first of equal tensors; return the names of the first by the removed."""
    first: dict[tuple[Any, ...], str] = {}
    renamed: dict[str, str] = {}
    for tensor in list(tensors):
        key = (tensor.data_type, tuple(tensor.dims), tensor.raw_data)
        if not tensor.raw_data:
            continue
        if key in first:
            renamed[tensor.name] = first[key]
            tensors.remove(tensor)
        first.setdefault(key, tensor.name)
    return renamed


def export_forms(
    checkpoint: Path, target: Path, forms: Sequence[str], **settings: Any
) -> list[Path]:
    """Write `target` (a name ending in .onnx), or target-segment.onnx, target-stream.onnx, ...

    If several forms are requested, those that the network does not have are left out, with a
    message.
    """
    if target.suffix == ".onnx":
        return [export_checkpoint(checkpoint, target, forms[0], **settings)]
    if len(forms) > 1:
        existing = _forms(for_export(load_network(checkpoint)))
        for form in set(forms) - set(existing):
            print(f"{checkpoint}: this network has no {form} form")
        forms = [form for form in forms if form in existing]
    settings["name"] = settings.get("name") or target.name
    return [
        export_checkpoint(
            checkpoint,
            target.with_name(f"{target.name}-{form}.onnx"),
            form,
            **settings,
        )
        for form in forms
    ]


def _forms(network: DenoisingNetwork) -> list[str]:
    """Return the forms that a network, ready for export, can be written in."""
    has = {"segment": True, "stream": network.streams, "rolling": network.rolls}
    return [form for form in FORMS if has[form]]


def _batch_axis(two: Tensor, one: Tensor) -> int:
    return next(i for i, (a, b) in enumerate(zip(two.shape, one.shape, strict=True)) if a != b)


def _card_hop(network: DenoisingNetwork) -> int:
    """Return the live hop: 10 ms, or the network's own hop if that does not divide 10 ms."""
    return 480 if 480 % network.hop == 0 else network.hop
