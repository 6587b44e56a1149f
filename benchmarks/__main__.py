"""python -m benchmarks NAME; without a name, the list of them."""

from __future__ import annotations

import typer

from rtdenoise.command import run_app

from .commands import COMMANDS

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Measure sound, speed and long live runs. `python -m benchmarks NAME --help` lists the "
    "options of one benchmark.",
)
for group, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=group)(command)


def main() -> None:
    """Run the command line. Bad input gives one line on stderr and exit code 2."""
    run_app("benchmarks", app)


if __name__ == "__main__":
    main()
