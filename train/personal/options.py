"""The options of `python -m train personal`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtdenoise.command import finite, writable

INPUT, RUN = "Recordings", "Run"  # headings in the help

Voice = Annotated[
    Path,
    typer.Option(
        help="Your speech without noise, about two minutes: a file, or a folder of files.",
        exists=True,
        rich_help_panel=INPUT,
    ),
]
Noise = Annotated[
    Path,
    typer.Option(
        help="The noise of your room, about one minute without speech: a file or a folder.",
        exists=True,
        rich_help_panel=INPUT,
    ),
]
Anyway = Annotated[
    bool,
    typer.Option(
        "--anyway",
        help="Train also on recordings that seem noisy, clipped, music or several voices.",
        rich_help_panel=INPUT,
    ),
]
Others = Annotated[
    Path | None,
    typer.Option(
        help="Recordings of others, not to forget them and to measure what they lose: a packed "
        "corpus, or a folder with clean/ and noise/.",
        exists=True,
        file_okay=False,
        rich_help_panel=INPUT,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        help="Prefix of the files to write: PREFIX-stream.onnx, PREFIX.pth and so on.",
        callback=writable,
    ),
]
Minutes = Annotated[
    float,
    typer.Option(
        min=0.5,
        help="Time that all of it may take.",
        callback=finite,
        rich_help_panel=RUN,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Train for so many steps instead, which can be repeated exactly.",
        rich_help_panel=RUN,
    ),
]
Init = Annotated[
    Path | None,
    typer.Option(
        help="Checkpoint to start from; by default that of the bundled model, which is in the "
        "source, not in the wheel.",
        exists=True,
        dir_okay=False,
        rich_help_panel=RUN,
    ),
]
Threads = Annotated[
    int, typer.Option(min=0, help="CPU threads; 0 for all cores.", rich_help_panel=RUN)
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all random numbers.", rich_help_panel=RUN)]
