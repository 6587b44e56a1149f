"""The command line: rtdenoise file | live | app | compare | devices | latency | info | doctor."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from ..command import call_app, is_debugging, one_line, say, silence_libraries
from ..constants import VERSION
from .app_command import app as app_command
from .doctor_command import doctor
from .file_commands import compare, file, info
from .live_commands import devices, latency, live

app = typer.Typer(
    no_args_is_help=True,
    help="Speech denoising at 48 kHz.",
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rtdenoise {VERSION}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Speech denoising at 48 kHz."""


for command in (file, live, app_command, compare, devices, latency, info, doctor):
    app.command(command.__name__)(command)


def run() -> None:
    """Run the command that sys.argv names. Raises RtdenoiseError for wrong options."""
    if not is_debugging():
        silence_libraries()
    warnings.showwarning = lambda message, *_, **__: say(f"rtdenoise: warning: {one_line(message)}")
    sys.argv[1:] = _with_ray_address(sys.argv[1:])
    sys.exit(call_app(app, "rtdenoise"))


def _with_ray_address(arguments: list[str]) -> list[str]:
    """Let --ray stand without an address: it then means `auto`, the cluster of this machine."""
    if "--ray" in arguments:
        after = arguments.index("--ray") + 1
        if after == len(arguments) or arguments[after].startswith("-"):
            return [*arguments[:after], "auto", *arguments[after:]]
    return arguments
