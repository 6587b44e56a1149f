"""Fine-tune the bundled model to your voice and your room.

python -m train personal --voice me/ --noise room/ --out mine
rtdenoise file noisy.wav clean.wav --model mine-stream.onnx

check both recordings -> scores before -> training -> average with the bundled weights
                      -> scores after, on recordings kept apart -> export, if it is better
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import torch
import typer

from rtdenoise.command import finite, run_function, writable
from rtdenoise.errors import RtdenoiseError

from ..checkpoint import load_network
from .material import read, read_others
from .run import Run, Settings, check

BUNDLED = Path(__file__).parents[1] / "state" / "default.pth"
INPUT, RUN = "Recordings", "Run"  # headings in the help


def personal(
    voice: Annotated[
        Path,
        typer.Option(
            help="Your speech without noise, about two minutes: a file, or a folder of files.",
            exists=True,
            rich_help_panel=INPUT,
        ),
    ],
    noise: Annotated[
        Path,
        typer.Option(
            help="The noise of your room, about one minute without speech: a file or a folder.",
            exists=True,
            rich_help_panel=INPUT,
        ),
    ],
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway",
            help="Train also on recordings that seem noisy, clipped, music or several voices.",
            rich_help_panel=INPUT,
        ),
    ] = False,
    others: Annotated[
        Path | None,
        typer.Option(
            help="Recordings of others, not to forget them and to measure what they lose: a packed "
            "corpus, or a folder with clean/ and noise/.",
            exists=True,
            file_okay=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Prefix of the files to write: PREFIX-stream.onnx, PREFIX.pth and so on.",
            callback=writable,
        ),
    ] = Path("personal"),
    minutes: Annotated[
        float,
        typer.Option(
            min=0.5,
            help="Time that all of it may take.",
            callback=finite,
            rich_help_panel=RUN,
        ),
    ] = 10.0,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Train for so many steps instead, which can be repeated exactly.",
            rich_help_panel=RUN,
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            help="Checkpoint to start from; by default that of the bundled model, which is in the "
            "source, not in the wheel.",
            exists=True,
            dir_okay=False,
            rich_help_panel=RUN,
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option(min=0, help="CPU threads; 0 for all cores.", rich_help_panel=RUN)
    ] = 0,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of all random numbers.", rich_help_panel=RUN)
    ] = 0,
) -> None:
    """Fine-tune the bundled model to your voice and your room, in ten minutes on two cores."""
    started = time.monotonic()
    out = out.with_suffix("") if out.suffix == ".onnx" else out
    if not out.parent.is_dir():
        raise RtdenoiseError(f"the folder {out.parent} does not exist: create it first")
    if threads:
        torch.set_num_threads(threads)
    checkpoint = init or bundled_checkpoint()
    network = load_network(checkpoint)
    speech, room = read(voice, "--voice"), read(noise, "--noise")
    strangers = read_others(others) if others else None
    for line in [*speech.unusable, *room.unusable]:
        print(f"left out: {line}", file=sys.stderr)
    check(speech, room, network, anyway)
    settings = Settings(out, started + 60 * minutes, steps, seed)
    Run(network, checkpoint, speech, room, settings, strangers).all()


def bundled_checkpoint() -> Path:
    """Return the checkpoint of the bundled model. Raises RtdenoiseError where it is not there."""
    if not BUNDLED.is_file():
        raise RtdenoiseError(
            f"the checkpoint of the bundled model is not at {BUNDLED}: run from a clone of the "
            "repository (the wheel has no weights to train from), or give one with --init"
        )
    return BUNDLED


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("train personal", personal)
