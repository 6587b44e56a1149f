"""python -m export.triton MODEL-stream.onnx REPOSITORY: the stream form for NVIDIA Triton.

    REPOSITORY/NAME/config.pbtxt            sequence batching, implicit state
    REPOSITORY/NAME/1/model.onnx            the stream form, batch first in every state
    REPOSITORY/NAME/initial_state/state_0   the state after silence before the stream

Each stream is a Triton sequence. The server carries its state and joins the streams that are active
into a batch. The format follows Triton's model_config.proto and docs/user_guide/architecture.md
("Implicit State Management"). It is checked against the protobuf, but has not run on a server.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import numpy as np
import onnx
import typer
from numpy.typing import NDArray
from onnx import helper

from rtdenoise.command import finite, run_function, writable
from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import StreamEngine, load_model

REQUESTS = "Requests"  # heading in the help
MAX_STREAMS = 64  # in one batch, by default
IDLE_SECONDS = 60  # the server drops a sequence that sends no request for this long


def write_repository(
    model: Path, repository: Path, hop_ms: float = 20.0, streams: int = MAX_STREAMS
) -> Path:
    """Write the model's folder below `repository` and return it.

    Raises RtdenoiseError if the model is not a stream form, or if the folder exists.
    """
    loaded = load_model(model, "stream", "cpu")
    hop = round(hop_ms * 48)
    if hop < loaded.card.hop or hop % loaded.card.hop:
        raise RtdenoiseError(
            f"a hop of {hop_ms:g} ms does not fit the model: use a multiple of "
            f"{loaded.card.hop / 48:g} ms"
        )
    folder = repository / loaded.card.name
    if folder.exists():
        raise RtdenoiseError(f"{folder} exists: remove it first")
    shapes = [node.shape for node in loaded.session.get_inputs()[1:]]
    states = batch_first(StreamEngine(loaded, 1).initial_states, shapes)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        (part / "1").mkdir(parents=True)
        (part / "initial_state").mkdir()
        onnx.save(batch_first_model(onnx.load(str(model))), str(part / "1" / "model.onnx"))
        for i, state in enumerate(states):
            (part / "initial_state" / f"state_{i}").write_bytes(state[0].tobytes())
        (part / "config.pbtxt").write_text(config(loaded.card.name, hop, states, streams))
        part.rename(folder)
    except OSError as error:
        raise RtdenoiseError(
            f"{folder} cannot be written ({error.strerror}): choose another"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def batch_first(
    states: list[NDArray[np.float32]], shapes: list[list[int | str]]
) -> list[NDArray[np.float32]]:
    """Move the batch axis of states to the front; `shapes` of the graph name it."""
    return [
        np.ascontiguousarray(np.moveaxis(state, shape.index("batch"), 0))
        for state, shape in zip(states, shapes, strict=True)
    ]


def batch_first_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """Wrap transposes around the states whose batch axis is not the first one."""
    graph = model.graph
    for kind, values in (("in", graph.input), ("out", graph.output)):
        for value in values:
            dims = value.type.tensor_type.shape.dim
            if dims[0].dim_param == "batch":
                continue
            name, inner = value.name, f"{value.name}_frames_first"
            order = [1, 0, *range(2, len(dims))]
            source, goal = (name, inner) if kind == "in" else (inner, name)
            node = helper.make_node("Transpose", [source], [goal], f"{name}_transpose", perm=order)
            for other in graph.node:
                names = other.input if kind == "in" else other.output
                for i, used in enumerate(names):
                    if used == name:
                        names[i] = inner
                if kind == "out":  # a node may read an output too
                    for i, used in enumerate(other.input):
                        if used == name:
                            other.input[i] = inner
            graph.node.insert(0 if kind == "in" else len(graph.node), node)
            first, second = (onnx.TensorShapeProto.Dimension() for _ in range(2))
            first.CopyFrom(dims[1])
            second.CopyFrom(dims[0])
            dims[0].CopyFrom(first)
            dims[1].CopyFrom(second)
    shapes = {value.name: value.type.tensor_type.shape for value in graph.input}
    for value in graph.output:  # the tracer leaves lengths open that equal those of the states
        if (name := value.name.removeprefix("next_")) in shapes and name != value.name:
            value.type.tensor_type.shape.CopyFrom(shapes[name])
    onnx.checker.check_model(model, full_check=True)
    return model


def config(name: str, hop: int, states: list[NDArray[np.float32]], streams: int) -> str:
    """Return config.pbtxt; `states` are batch first."""
    text = f'''name: "{name}"
backend: "onnxruntime"
max_batch_size: {streams}
input [ {{ name: "audio", data_type: TYPE_FP32, dims: [ 1, {hop} ] }} ]
output [ {{ name: "denoised", data_type: TYPE_FP32, dims: [ 1, {hop} ] }} ]
sequence_batching {{
  max_sequence_idle_microseconds: {IDLE_SECONDS * 1_000_000}
  oldest {{ max_candidate_sequences: {16 * streams} }}
'''
    for i, state in enumerate(states):
        dims = ", ".join(map(str, state.shape[1:]))
        text += f"""  state [ {{
    input_name: "state_{i}", output_name: "next_state_{i}", data_type: TYPE_FP32, dims: [ {dims} ]
    initial_state {{
      name: "silence", data_type: TYPE_FP32, dims: [ {dims} ], data_file: "state_{i}"
    }}
  }} ]
"""
    return text + "}\n"


def export(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL-stream.onnx",
            help="Stream form, as `python -m export` writes it.",
            exists=True,
            dir_okay=False,
        ),
    ],
    repository: Annotated[
        Path,
        typer.Argument(metavar="REPOSITORY", help="Triton's model repository.", callback=writable),
    ],
    hop_ms: Annotated[
        float,
        typer.Option(
            help="Milliseconds of audio in a request; a multiple of the model's hop.",
            min=1.0,
            callback=finite,
            rich_help_panel=REQUESTS,
        ),
    ] = 20.0,
    streams: Annotated[
        int,
        typer.Option(
            help="Largest number of streams in one batch.", min=1, rich_help_panel=REQUESTS
        ),
    ] = MAX_STREAMS,
) -> None:
    """Write a Triton model repository."""
    print(write_repository(model, repository, hop_ms, streams))


def main() -> None:
    """Run the command line. Bad input gives one line on stderr and exit code 2."""
    run_function("export.triton", export)


if __name__ == "__main__":
    main()
