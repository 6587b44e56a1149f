"""python -m train: the seed pipeline on gt_audio/; --preset default for the improved recipe.

Every field of TrainConfig is an option: `--learning-rate 3e-4`, `--clean DIR --clean DIR2`, ...
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

from rtdenoise.command import run_command

from .config import TrainConfig, preset

PATHS = {"gt_audio", "gl_audio", "packed", "validation_packed", "checkpoints", "resume", "init"}
LISTS = {"clean", "noise", "rir"}


def parse(arguments: list[str]) -> TrainConfig:
    """Turn the command line into a configuration: the preset, then what is given."""
    parser = argparse.ArgumentParser("python -m train", description=__doc__.splitlines()[0])
    base = TrainConfig()
    for field in dataclasses.fields(TrainConfig):
        name, value = "--" + field.name.replace("_", "-"), getattr(base, field.name)
        if field.name in LISTS:
            parser.add_argument(name, type=Path, nargs="+", metavar="DIR")
        elif field.name in PATHS:
            parser.add_argument(name, type=Path, metavar="PATH")
        elif isinstance(value, bool):
            parser.add_argument(name, action=argparse.BooleanOptionalAction, default=None)
        elif isinstance(value, dict):
            parser.add_argument(name, type=json.loads, metavar="JSON")
        else:
            parser.add_argument(name, type=type(value))
    given: dict[str, Any] = {
        k: v for k, v in vars(parser.parse_args(arguments)).items() if v is not None
    }
    return dataclasses.replace(preset(given.pop("preset", "baseline")), **given)


def run() -> None:
    """Train as the command line says."""
    config = parse(sys.argv[1:])
    from .loop import train_diffusion_model

    best = train_diffusion_model(config)
    if os.environ.get("RANK", "0") == "0":  # torchrun starts several of us
        print(f"best checkpoint: {best}")


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_command("train", run)


if __name__ == "__main__":
    main()
