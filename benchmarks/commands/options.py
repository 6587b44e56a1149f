"""Arguments and options that several benchmarks share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rtdenoise.command import finite, writable

INPUT, MEASUREMENT, OUTPUT = "Input", "Measurement", "Output"  # headings in the help

Quick = Annotated[
    bool,
    typer.Option("--quick", help="A short run, to see that it works.", rich_help_panel=MEASUREMENT),
]
OneModel = Annotated[
    str | None,
    typer.Option(
        help="Name or .onnx file of a model; the bundled one by default.", rich_help_panel=INPUT
    ),
]
Clips = Annotated[
    Path,
    typer.Argument(
        metavar="EVAL",
        help="Folder with clean/ and noisy/: wav files of the same names, 48 kHz, mono.",
        exists=True,
        file_okay=False,
    ),
]
Noisy = Annotated[
    Path,
    typer.Argument(
        metavar="NOISY.wav", help="Noisy speech, 48 kHz, mono.", exists=True, dir_okay=False
    ),
]


def packed_corpus(sides: str, metavar: str = "PACKED") -> Any:
    """Return the argument for the folder of a packed corpus; `sides` says what it must hold."""
    return typer.Argument(
        metavar=metavar,
        help=f"Folder of a packed corpus with {sides}.",
        exists=True,
        file_okay=False,
    )


def input_file(meaning: str, metavar: str | None = None) -> Any:
    """Return an option for an existing file."""
    return typer.Option(
        metavar=metavar, help=meaning, exists=True, dir_okay=False, rich_help_panel=INPUT
    )


def number(meaning: str, min: float | None = None, max: float | None = None) -> Any:
    """Return an option for a finite number between `min` and `max`."""
    return typer.Option(
        help=meaning, min=min, max=max, callback=finite, rich_help_panel=MEASUREMENT
    )


def output_folder(meaning: str) -> Any:
    """Return an option for a folder that is created where it is missing."""
    return typer.Option(help=meaning, file_okay=False, callback=writable, rich_help_panel=OUTPUT)


def output_file(meaning: str, metavar: str | None = None) -> Any:
    """Return an option for a file that is written."""
    return typer.Option(metavar=metavar, help=meaning, callback=writable, rich_help_panel=OUTPUT)


def result_files(suffixes: str) -> Any:
    """Return the option --out of a benchmark that writes `suffixes`, such as ".json and .md"."""
    return output_file(
        f"Where the results go, without suffix: {suffixes} are added.", metavar="PATH"
    )


Tables = result_files(".json and .md")
TablesAndChart = result_files(".json, .md and .png")
