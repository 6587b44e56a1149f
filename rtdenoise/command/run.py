"""Runs commands. Bad input is one line and exit code 2; an unexpected error one line and 1."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..errors import RtdenoiseError
from .messages import DEBUG, describe_error, set_debug, show_traceback
from .signals import Stopped, raise_if_stopped, stop_on_signals
from .streams import flush_output, restore_streams, say

if TYPE_CHECKING:
    import typer

BAD_INPUT, UNEXPECTED = 2, 1
DEBUG_HELP = f"{DEBUG} shows the traceback of an error and what libraries print."


def run_command(name: str, call: Callable[[], Any]) -> None:
    """Call `call`. Every error is one line on stderr that begins with `name`.

    Exit code 2 means bad input, 1 an unexpected error, 128 + n the signal n. The option --debug is
    taken from sys.argv and adds the traceback.
    """
    restore_streams()
    options = sys.argv[: sys.argv.index("--")] if "--" in sys.argv else sys.argv
    set_debug(DEBUG in options[1:])
    code = 0
    sys.argv = [a for a in options if a != DEBUG] + sys.argv[len(options) :]
    try:
        with stop_on_signals():
            try:
                call()
            except Exception:
                raise_if_stopped()
                raise
            finally:
                flush_output()
    except SystemExit:
        raise
    except BaseException as error:
        code = _report(name, error)
    if code == 128 + signal.SIGINT:
        # Python then ends by the signal itself, so that a loop in a shell ends too.
        sys.excepthook = lambda *_: None
        raise KeyboardInterrupt
    if code:
        sys.exit(code)


def _report(name: str, error: BaseException) -> int:
    """Print the line for an error and return the exit code."""
    if isinstance(error, BrokenPipeError):
        return UNEXPECTED  # the reader of stdout, such as `head`, has seen enough
    show_traceback(error)
    if isinstance(error, KeyboardInterrupt):
        error = Stopped(signal.SIGINT)
    if isinstance(error, Stopped):
        say(f"{name}: stopped by {error}")
        return 128 + error.number
    say(f"{name}: {describe_error(error)}")
    # An OSError comes from the disk, the rights or the like, not from a mistake in the program.
    return BAD_INPUT if isinstance(error, (RtdenoiseError, OSError)) else UNEXPECTED


def run_function(name: str, function: Callable[..., Any]) -> None:
    """Run a function as a command line of its own, with its parameters as options."""

    def call() -> None:
        import typer

        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(function)
        sys.exit(call_app(app, f"python -m {name}"))

    run_command(name, call)


def run_app(name: str, app: typer.Typer) -> None:
    """Run the command line of `python -m name`; wrong options too give one line and exit code 2."""
    run_command(name, lambda: sys.exit(call_app(app, f"python -m {name}")))


def call_app(app: typer.Typer, program: str) -> Any:
    """Run the command of `program` that sys.argv names and return the exit code.

    Raises RtdenoiseError where typer would print the usage and a box.
    """
    import typer

    # click's, or that of the copy of click which later versions of typer bring with them
    usage_error: Any = typer.BadParameter.__bases__[0]
    arguments = sys.argv[1:] or (["--help"] if app.info.no_args_is_help is True else [])
    for info in app.registered_commands:
        info.epilog = DEBUG_HELP
    try:
        return app(arguments, prog_name=program, standalone_mode=False)
    except usage_error as error:
        message = " ".join(error.format_message().split()).rstrip(".")
        context = getattr(error, "ctx", None)
        command = context.command_path if context else program
        raise RtdenoiseError(f"{message} (see `{command} --help`)") from error
    except typer.Abort:
        return UNEXPECTED


def report_import_errors(package: str, extra: str) -> None:
    """Let `python -m package...` print one line where its own imports fail or are interrupted.

    `extra` is the group of requirements in pyproject.toml that the package needs. In other programs
    this does nothing.
    """
    if sys.argv[:1] != ["-m"]:  # what it is while `python -m` imports the packages of a module
        return

    def report(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if DEBUG in sys.argv:
            sys.__excepthook__(kind, error, trace)
        if isinstance(error, ModuleNotFoundError) and error.name:
            missing = error.name.partition(".")[0]
            say(f"{package}: {missing} is not installed: pip install '.[{extra}]'")
            os._exit(BAD_INPUT)  # otherwise the exit code is 1
        elif isinstance(error, KeyboardInterrupt):
            say(f"{package}: stopped by SIGINT")
        else:
            say(f"{package}: {describe_error(error)}")

    restore_streams()
    sys.excepthook = report
