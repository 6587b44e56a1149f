"""Typer callbacks that check the value of an option before any work is done."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def finite(value: float | None) -> float | None:
    """Refuse nan and inf: typer's `min` and `max` let nan pass."""
    import typer

    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def one_of(*choices: str) -> Callable[[Any], Any]:
    """Return a callback that refuses every value (or item of a list) but these."""
    import typer

    def check(value: Any) -> Any:
        for item in value if isinstance(value, list) else [value]:
            if item is not None and item not in choices:
                raise typer.BadParameter(f"{item!r} is unknown: use one of {', '.join(choices)}")
        return value

    return check


def writable(path: Path | None) -> Path | None:
    """Refuse a file that could not be written later. Missing folders are created later."""
    import typer

    if path is not None:
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise typer.BadParameter(f"{folder} is not a folder that can be written to")
    return path
