"""Turns exceptions into one line of text."""

from __future__ import annotations

import sys
import traceback

from ..errors import RtdenoiseError

DEBUG = "--debug"  # every command takes it: see `run_command`
MAX_REASON = 300  # characters of a library's message
_debug = False


def set_debug(on: bool) -> None:
    """Let `show_traceback` print from now on, or not."""
    global _debug
    _debug = on


def is_debugging() -> bool:
    """Return whether the command was given --debug."""
    return _debug


def one_line(text: object) -> str:
    r"""Return text that any terminal and encoding can print in one line.

    Whitespace becomes one space. Control characters are escaped, and so are the bytes of a file
    name that is not UTF-8: `caf\xe9.wav`.
    """
    words = " ".join(str(text).split())
    return "".join(c if c.isprintable() else _escape(c) for c in words)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that Python could not decode
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def describe_error(error: BaseException) -> str:
    """Return the line for an exception: what is wrong, and what to do about it."""
    if isinstance(error, RtdenoiseError):
        return one_line(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory: close other programs, or use a machine with more"
    if isinstance(error, ModuleNotFoundError):
        return f"the Python package {error.name!r} is not installed: install rtdenoise again"
    if isinstance(error, OSError) and error.strerror:
        name = f"{_name(error.filename)}: " if error.filename else ""
        return one_line(f"{name}{error.strerror} ({DEBUG} shows where)")
    kind, reason = type(error).__name__, one_line(error)[:MAX_REASON]
    text = f"{kind}: {reason}" if reason else kind
    return (
        f"unexpected error ({text}, {_origin(error)}): please report this with what {DEBUG} shows"
    )


def _name(file: object) -> str:
    return file.decode(errors="surrogateescape") if isinstance(file, bytes) else str(file)


def _origin(error: BaseException) -> str:
    """Return file and line of the last frame, such as `processor.py:84`."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "unknown place"
    return one_line(
        f"{frames[-1].filename.replace(chr(92), '/').rpartition('/')[2]}:{frames[-1].lineno}"
    )


def show_traceback(error: BaseException) -> None:
    """With --debug print the traceback to stderr."""
    if _debug:
        traceback.print_exception(error, file=sys.stderr)
