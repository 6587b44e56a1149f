"""One declaration for each option of a training run: what it means and which values it may have.

    learning_rate: float = option(1e-4, "Optimisation", "Base learning rate.", above=0)

declares a field of TrainConfig. The command line, its help, and `check` read the declaration, so a
new option needs nothing else.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rtdenoise.errors import RtdenoiseError


@dataclasses.dataclass(frozen=True)
class Option:
    """Everything about an option except its name, type and default."""

    group: str  # heading in the help
    help: str  # what it means, with the unit
    choices: Sequence[str] | Callable[[], Sequence[str]] = ()
    least: float = -math.inf  # smallest allowed value
    above: float = -math.inf  # values must be greater than this
    most: float = math.inf  # largest allowed value
    below: float = math.inf  # values must be less than this
    infinite: bool = False  # whether inf is allowed, as in "no limit"
    exists: str = ""  # "file" or "folder": such a path must be there
    aliases: tuple[str, ...] = ()  # further names on the command line, such as --lr

    def allowed(self) -> str:
        """Return the allowed values in words, or "" if every value is allowed."""
        if choices := self.names():
            return " or ".join([", ".join(choices[:-1]), choices[-1]] if choices[1:] else choices)
        if self.exists:
            return f"an existing {self.exists}"
        bounds = [
            f"{words} {limit:g}"
            for words, limit in (
                ("of at least", self.least),
                ("greater than", self.above),
                ("of at most", self.most),
                ("less than", self.below),
            )
            if math.isfinite(limit)
        ]
        return " and ".join(bounds) + (" (or inf)" if bounds and self.infinite else "")

    def names(self) -> Sequence[str]:
        """Return the allowed names; a function is called late, because it may import torch."""
        return self.choices() if callable(self.choices) else self.choices

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if isinstance(value, list):
            return next(filter(None, map(self.problem, value)), None)
        if isinstance(value, Path):
            return self._path_problem(value)
        if isinstance(value, str) and self.choices and value not in self.names():
            return f"unknown value {value!r}: use {self.allowed()}"
        if isinstance(value, (int, float)) and not self._fits(value):
            return f"{value:g} is not allowed: use a finite number {self.allowed()}".rstrip()
        return None

    def _path_problem(self, path: Path) -> str | None:
        if not self.exists:
            return None
        if not path.exists():
            return f"{path} does not exist: give {self.allowed()}"
        right = path.is_dir() if self.exists == "folder" else path.is_file()
        return None if right else f"{path} is not a {self.exists}: give {self.allowed()}"

    def _fits(self, value: float) -> bool:
        finite = math.isfinite(value) or (self.infinite and value == math.inf)
        inside = self.least <= value <= self.most and value > self.above
        return finite and inside and (value < self.below or self.below == math.inf)


def option(default: Any, group: str, help: str, **rules: Any) -> Any:
    """Declare a dataclass field with an Option; list and dict defaults are copied."""
    metadata = {"option": Option(group, help, **rules)}
    if isinstance(default, (list, dict)):
        copy = type(default)
        return dataclasses.field(default_factory=lambda: copy(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def options_of(config: type) -> dict[str, Option]:
    """Return the options of a configuration class by field name."""
    return {field.name: field.metadata["option"] for field in dataclasses.fields(config)}


def flag(name: str) -> str:
    """Return the command-line name of a field: `batch_size` -> `--batch-size`."""
    return "--" + name.replace("_", "-")


def check(config: Any) -> None:
    """Raise RtdenoiseError for the first field whose value is not allowed or of another type."""
    types = typing.get_type_hints(type(config))
    for name, rules in options_of(type(config)).items():
        value = getattr(config, name)
        if types[name] in (int, float) and not isinstance(value, (int, float)):
            raise RtdenoiseError(f"{flag(name)}: {value!r} is not a number")
        if problem := rules.problem(value):
            raise RtdenoiseError(f"{flag(name)}: {problem}")


def json_object(text: str) -> dict[str, Any]:
    """Read a JSON object. Raises argparse.ArgumentTypeError for anything else."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f'{text!r} is not a JSON object such as {{"name": 1}}')
    return value
