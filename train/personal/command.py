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

import torch

from rtdenoise.command import run_function
from rtdenoise.errors import RtdenoiseError

from ..checkpoint import load_network
from . import options
from .material import read, read_others
from .run import Run, Settings, check

BUNDLED = Path(__file__).parents[1] / "state" / "default.pth"


def personal(
    voice: options.Voice,
    noise: options.Noise,
    anyway: options.Anyway = False,
    others: options.Others = None,
    out: options.Out = Path("personal"),
    minutes: options.Minutes = 10.0,
    steps: options.Steps = None,
    init: options.Init = None,
    threads: options.Threads = 0,
    seed: options.Seed = 0,
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
