"""Standard streams that are closed, full or left by their reader do not stop a command.

A program that is started with `2>&-`, by pythonw or by a GUI has no standard error.
"""

from __future__ import annotations

import os
import sys

from ..errors import RtdenoiseError


def restore_streams() -> None:
    """Give closed standard streams /dev/null, and let every character be printed.

    Otherwise the next file that is opened would get their number, and a C library that writes a
    message to stderr would write it into that file. `sys.__stdin__` and so on stay None.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def silence_libraries() -> None:
    """Send what C libraries print to stderr to /dev/null; `sys.stderr` goes on as before.

    libmpg123 prints notes on damaged MP3, onnxruntime and ALSA print warnings. It is done once, for
    the whole process, because other threads print at the same time.
    """
    try:
        if sys.stderr.fileno() != 2:
            return
        own = os.dup(2)
    except (OSError, ValueError, AttributeError):
        return
    encoding = sys.stderr.encoding
    sys.stderr = open(own, "w", 1, encoding, errors="backslashreplace")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def say(text: str) -> None:
    """Print a line to stderr; a terminal that has gone away is no error."""
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


def flush_output() -> None:
    """Write what stdout still holds.

    Raises RtdenoiseError if that fails, or BrokenPipeError if its reader has ended. Python's own
    flush at exit then succeeds.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
        except (OSError, ValueError):
            pass
        if isinstance(error, BrokenPipeError):
            raise
        raise RtdenoiseError(f"stdout cannot be written: {error.strerror}") from error
