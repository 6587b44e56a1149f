"""How every command line of the project reports bad input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .errors import RtdenoiseError


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
    run_command(name, app)
