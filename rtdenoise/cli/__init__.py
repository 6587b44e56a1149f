"""The command line `rtdenoise`: commands, their options, and one line for every error.

This room may import every other room of the package, and no room imports it. The commands import
what they need when they run, so that `rtdenoise file` never loads audio devices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..command import run_command

if TYPE_CHECKING:
    from .application import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line. Bad input gives one line on stderr and exit code 2."""
    run_command("rtdenoise", _run)


def _run() -> None:
    from .application import run  # within run_command, so that Ctrl-C here is one line too

    run()


def __getattr__(name: str) -> Any:
    """Import the typer application only when it is asked for."""
    if name == "app":
        from .application import app

        return app
    raise AttributeError(f"module 'rtdenoise.cli' has no attribute {name!r}")
