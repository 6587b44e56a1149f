"""How every command line of the project reports bad input."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import RtdenoiseError

if TYPE_CHECKING:
    import typer


def run_command(name: str, call: Callable[[], Any]) -> None:
    """Call `call`. On bad input print one line that begins with `name`, and exit with code 2."""
    try:
        call()
    except RtdenoiseError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)


def run_function(name: str, function: Callable[..., Any]) -> None:
    """Run a function as a command line of its own, with its parameters as options."""
    import typer

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(function)
    run_app(name, app)


def run_app(name: str, app: typer.Typer) -> None:
    """Run the command line of `python -m name`; wrong options too give one line and exit code 2."""
    run_command(name, lambda: sys.exit(_call_app(name, app)))


def _call_app(name: str, app: typer.Typer) -> Any:
    """Return the exit code. Raises RtdenoiseError where typer would print usage and a box."""
    import typer

    # click's, or that of the copy of click which later versions of typer bring with them
    usage_error: Any = typer.BadParameter.__bases__[0]
    arguments = sys.argv[1:] or (["--help"] if app.info.no_args_is_help is True else [])
    try:
        return app(arguments, prog_name=f"python -m {name}", standalone_mode=False)
    except usage_error as error:
        message = " ".join(error.format_message().split()).rstrip(".")
        context = getattr(error, "ctx", None)
        command = context.command_path if context else f"python -m {name}"
        raise RtdenoiseError(f"{message} (see `{command} --help`)") from error
    except typer.Abort:
        return 1


def finite(value: float | None) -> float | None:
    """Refuse nan and inf: a typer callback, since typer's `min` and `max` let nan pass."""
    import typer

    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def one_of(*choices: str) -> Callable[[Any], Any]:
    """Return a typer callback that refuses every value (or item of a list) but these."""
    import typer

    def check(value: Any) -> Any:
        for item in value if isinstance(value, list) else [value]:
            if item is not None and item not in choices:
                raise typer.BadParameter(f"{item!r} is unknown: use one of {', '.join(choices)}")
        return value

    return check


def writable(path: Path | None) -> Path | None:
    """Refuse a file that could not be written later: a typer callback. Folders are created."""
    import typer

    if path is not None:
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise typer.BadParameter(f"{folder} is not a folder that can be written to")
    return path
