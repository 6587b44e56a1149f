"""Train a network on gt_audio/, or with --preset default by the recipe of the bundled model.

    python -m train [--learning-rate 3e-4] [--clean DIR DIR2] ...

Every field of TrainConfig is an option; its declaration there gives help, default and limits.
`python -m train personal` fine-tunes the bundled model instead.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import typing
from pathlib import Path
from typing import Any, NoReturn

from rtdenoise.command import run_command
from rtdenoise.errors import RtdenoiseError

from .config import TrainConfig, check_config, preset
from .options import Option, flag, json_object, options_of

KINDS = {int: "INTEGER", float: "NUMBER", str: "NAME"}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as everywhere in the project."""

    def error(self, message: str) -> NoReturn:
        """Raise RtdenoiseError instead of printing the usage."""
        raise RtdenoiseError(f"{message.removeprefix('argument ')} (see `{self.prog} --help`)")


def parse(arguments: list[str]) -> TrainConfig:
    """Return the configuration of a command line: the preset, then what is given.

    Raises RtdenoiseError for unknown options, values that are not allowed, and options that do not
    combine.
    """
    given = vars(make_parser().parse_args(arguments))
    given = {name: value for name, value in given.items() if value is not None}
    config = dataclasses.replace(preset(given.pop("preset", "baseline")), **given)
    check_config(config)
    return config


def make_parser() -> Parser:
    """Return the parser, made from the fields of TrainConfig."""
    parser = Parser(
        "python -m train",
        description=(__doc__ or "").splitlines()[0],
        epilog="Defaults are those of --preset baseline; in brackets, those of --preset default. "
        "--debug adds the traceback to the message of an error. "
        "`python -m train personal --help`: fine-tuning to one voice and one room.",
        allow_abbrev=False,
    )
    groups: dict[str, Any] = {}
    types = typing.get_type_hints(TrainConfig)
    for name, rules in options_of(TrainConfig).items():
        if rules.group not in groups:
            groups[rules.group] = parser.add_argument_group(rules.group)
        groups[rules.group].add_argument(
            flag(name), *rules.aliases, help=describe(name, rules), **_reader(types[name])
        )
    return parser


def describe(name: str, rules: Option) -> str:
    """Return the help of an option: meaning, allowed values and defaults."""
    values = [getattr(preset(which), name) for which in ("baseline", "default")]
    shown = [_shown(value) for value in values]
    defaults = f"default {shown[0]}" + f" [{shown[1]}]" * (shown[0] != shown[1])
    parts = [part for part in (rules.allowed(), defaults) if part]
    return f"{rules.help.rstrip('.')} ({'; '.join(parts)}).".replace("%", "%%")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if value not in (None, [], {}) else "none"


def _reader(kind: Any) -> dict[str, Any]:
    """Return how argparse reads a value of this type."""
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction, "default": None}
    if kind == list[Path]:
        return {"type": Path, "nargs": "+", "metavar": "DIR"}
    if kind in (Path, Path | None):
        return {"type": Path, "metavar": "PATH"}
    if kind in KINDS:
        return {"type": kind, "metavar": KINDS[kind]}
    return {"type": json_object, "metavar": "JSON"}


def run() -> None:
    """Train as the command line says."""
    config = parse(sys.argv[1:])
    from .loop import train_diffusion_model

    best = train_diffusion_model(config)
    if os.environ.get("RANK", "0") == "0":  # torchrun starts several processes
        print(f"best checkpoint: {best}")


def main() -> None:
    """Run the command line. Bad input gives one line on stderr and exit code 2."""
    if sys.argv[1:2] == ["personal"]:
        from .personal import main as personal  # torch, which --help alone can do without

        del sys.argv[1]
        personal()
    else:
        run_command("train", run)


if __name__ == "__main__":
    main()
