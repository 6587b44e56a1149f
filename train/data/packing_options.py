"""The arguments and options of `python -m train.data.packing`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtdenoise.command import finite, writable

SIDES, FILES = "Training and validation", "Files"  # headings in the help

Collected = Annotated[
    Path,
    typer.Argument(
        metavar="CORPUS",
        help="Folder of recordings: with a manifest, or with clean/, noise/ and rir/.",
        exists=True,
        file_okay=False,
    ),
]
Packed = Annotated[
    Path,
    typer.Argument(
        metavar="PACKED",
        help="Folder for the packed corpus.",
        file_okay=False,
        callback=writable,
    ),
]
Validation = Annotated[
    float,
    typer.Option(
        min=0,
        max=0.9,
        help="Share of the speakers that are kept out of training.",
        callback=finite,
        rich_help_panel=SIDES,
    ),
]
HoldOut = Annotated[
    list[str] | None,
    typer.Option(
        help="Source, or SOURCE/SPEAKER, that is kept out of training; repeat for several.",
        rich_help_panel=SIDES,
    ),
]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option(
        help="SOURCE/SPEAKER that is not used at all; repeat for several.",
        rich_help_panel=SIDES,
    ),
]
LeastRange = Annotated[
    float,
    typer.Option(
        min=0,
        help="Smallest difference, in dB, between loud and quiet frames of clean speech; "
        "recordings with less are left out.",
        callback=finite,
        rich_help_panel=FILES,
    ),
]
Jobs = Annotated[int, typer.Option(min=1, help="Files decoded at once.", rich_help_panel=FILES)]
