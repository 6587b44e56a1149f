"""python -m export checkpoint.pth model.onnx

A target that ends in .onnx gets one form (--form; segment unless told); any other is a prefix:
`python -m export best.pth models/default` writes default-segment.onnx, default-stream.onnx and
default-rolling.onnx.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from rtdenoise.command import run_function
from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import FORMS, check_choice

from .onnx_export import export_forms
from .precision import PRECISIONS


def export(
    checkpoint: Annotated[Path, typer.Argument(help="What `python -m train` wrote.")],
    target: Annotated[Path, typer.Argument(help="model.onnx, or a prefix for all forms.")],
    form: Annotated[
        str, typer.Option(help="segment, stream, rolling, or all (with a prefix).")
    ] = "all",
    dynamic: Annotated[bool, typer.Option(help="Free the segment form's time axis.")] = False,
    precision: Annotated[str, typer.Option(help="fp32, or for trials: fp16, int8, tf32.")] = "fp32",
    name: Annotated[str | None, typer.Option(help="The model's name in its card.")] = None,
    version: Annotated[str | None, typer.Option(help="The model's version.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "MIT",
    training_data: Annotated[str, typer.Option(help="What the card says of the data.")] = "",
    metrics_json: Annotated[
        Path | None, typer.Option(help="JSON object of metrics for the card.")
    ] = None,
) -> None:
    """Write a checkpoint as ONNX."""
    check_choice("form", form, (*FORMS, "all"))
    check_choice("precision", precision, PRECISIONS)
    forms = list(FORMS) if form == "all" else [form]
    try:
        metrics = json.loads(metrics_json.read_text()) if metrics_json else {}
    except (OSError, ValueError) as error:
        raise RtdenoiseError(f"{metrics_json} is no readable JSON file ({error})") from error
    if not isinstance(metrics, dict):
        raise RtdenoiseError(f'{metrics_json} must hold one JSON object, as {{"PESQ": 1.5}}')
    if not target.parent.is_dir():
        raise RtdenoiseError(f"the folder {target.parent} does not exist: create it first")
    export_forms(
        checkpoint,
        target,
        forms,
        dynamic=dynamic,
        precision=precision,
        name=name,
        version=version,
        licence=licence,
        training_data=training_data,
        metrics=metrics,
    )


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("export", export)


if __name__ == "__main__":
    main()
