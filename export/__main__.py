"""Export a checkpoint to ONNX.

    python -m export checkpoint.pth model.onnx

A target that ends in .onnx gets one form (--form, by default segment). Any other is a prefix:
`python -m export best.pth models/default` writes default-segment.onnx, default-stream.onnx and
default-rolling.onnx.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from rtdenoise.command import one_of, run_function, writable
from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import FORMS

from .onnx_export import export_forms
from .precision import PRECISIONS

CARD, OUTPUT = "Model card", "Form"


def export(
    checkpoint: Annotated[
        Path,
        typer.Argument(help="Checkpoint of `python -m train` (.pth).", exists=True, dir_okay=False),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            help="File to write (NAME.onnx), or a prefix: PREFIX-stream.onnx and so on.",
            callback=writable,
        ),
    ],
    form: Annotated[
        str,
        typer.Option(
            help="segment, stream, rolling, or all; NAME.onnx takes one, segment by default.",
            callback=one_of(*FORMS, "all"),
            rich_help_panel=OUTPUT,
        ),
    ] = "all",
    dynamic: Annotated[
        bool,
        typer.Option(
            "--dynamic/--no-dynamic",
            help="Let the segment form take audio of any length, not 1 s only.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    precision: Annotated[
        str,
        typer.Option(
            help="fp32; for experiments fp16, int8 (weights) or tf32 (rounded weights).",
            callback=one_of(*PRECISIONS),
            rich_help_panel=OUTPUT,
        ),
    ] = "fp32",
    half_size: Annotated[
        bool,
        typer.Option(
            "--half-size/--no-half-size",
            help="Round the weights to half precision, which halves the file; "
            "computation stays in fp32.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the model; that of the file or the prefix by default.",
            rich_help_panel=CARD,
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(help="Version of the model; 0.1.0 by default.", rich_help_panel=CARD),
    ] = None,
    licence: Annotated[
        str, typer.Option(help="Licence of the weights.", rich_help_panel=CARD)
    ] = "MIT",
    training_data: Annotated[
        str, typer.Option(help="Description of the training data.", rich_help_panel=CARD)
    ] = "",
    metrics_json: Annotated[
        Path | None,
        typer.Option(
            help='File with a JSON object of metrics, such as {"PESQ": 1.5}.',
            exists=True,
            dir_okay=False,
            rich_help_panel=CARD,
        ),
    ] = None,
) -> None:
    """Write a checkpoint as ONNX and check it against PyTorch."""
    if not target.parent.is_dir():
        raise RtdenoiseError(f"the folder {target.parent} does not exist: create it first")
    export_forms(
        checkpoint,
        target,
        list(FORMS) if form == "all" else [form],
        dynamic=dynamic,
        precision=precision,
        half_size=half_size,
        name=name,
        version=version,
        licence=licence,
        training_data=training_data,
        metrics=_read_metrics(metrics_json),
    )


def _read_metrics(path: Path | None) -> dict[str, Any]:
    """Return the JSON object in a file. Raises RtdenoiseError if it holds none."""
    if path is None:
        return {}
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RtdenoiseError(f"{path} is not a readable JSON file ({error})") from error
    if not isinstance(metrics, dict):
        raise RtdenoiseError(f'{path} must hold one JSON object, such as {{"PESQ": 1.5}}')
    return metrics


def main() -> None:
    """Run the command line. Bad input gives one line on stderr and exit code 2."""
    run_function("export", export)


if __name__ == "__main__":
    main()
