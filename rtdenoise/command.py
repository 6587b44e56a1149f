"""What every command line of the project does with bad input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .errors import RtdenoiseError


def run_command(name: str, call: Callable[[], Any]) -> None:
    """Call `call`; bad input gives one line on stderr, told by `name`, and exit code 2."""
    try:
        call()
    except RtdenoiseError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)


def run_function(name: str, function: Callable[..., Any]) -> None:
    """Run a function as a command line of its own: its parameters are the options."""
    import typer

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(function)
    run_command(name, app)
