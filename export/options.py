"""The arguments and options of `python -m export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtdenoise.command import one_of, writable
from rtdenoise.inference import FORMS

from .precision import PRECISIONS

OUTPUT, CARD = "Form", "Model card"  # headings in the help

Checkpoint = Annotated[
    Path,
    typer.Argument(help="Checkpoint of `python -m train` (.pth).", exists=True, dir_okay=False),
]
Target = Annotated[
    Path,
    typer.Argument(
        help="File to write (NAME.onnx), or a prefix: PREFIX-stream.onnx and so on.",
        callback=writable,
    ),
]
Form = Annotated[
    str,
    typer.Option(
        help="segment, stream, rolling, or all; NAME.onnx takes one, segment by default.",
        callback=one_of(*FORMS, "all"),
        rich_help_panel=OUTPUT,
    ),
]
Dynamic = Annotated[
    bool,
    typer.Option(
        "--dynamic/--no-dynamic",
        help="Let the segment form take audio of any length, not 1 s only.",
        rich_help_panel=OUTPUT,
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        help="fp32; for experiments fp16, int8 (weights) or tf32 (rounded weights).",
        callback=one_of(*PRECISIONS),
        rich_help_panel=OUTPUT,
    ),
]
HalfSize = Annotated[
    bool,
    typer.Option(
        "--half-size/--no-half-size",
        help="Round the weights to half precision, which halves the file; "
        "computation stays in fp32.",
        rich_help_panel=OUTPUT,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        help="Name of the model; that of the file or the prefix by default.",
        rich_help_panel=CARD,
    ),
]
Version = Annotated[
    str | None,
    typer.Option(help="Version of the model; 0.1.0 by default.", rich_help_panel=CARD),
]
Licence = Annotated[str, typer.Option(help="Licence of the weights.", rich_help_panel=CARD)]
TrainingData = Annotated[
    str, typer.Option(help="Description of the training data.", rich_help_panel=CARD)
]
Metrics = Annotated[
    Path | None,
    typer.Option(
        help='File with a JSON object of metrics, such as {"PESQ": 1.5}.',
        exists=True,
        dir_okay=False,
        rich_help_panel=CARD,
    ),
]
