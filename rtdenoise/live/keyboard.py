"""Reads single keys from a terminal."""

from __future__ import annotations

import sys
from typing import Any


class KeyReader:
    """Reads keys without waiting for Enter; reads nothing if stdin is no terminal."""

    def __init__(self) -> None:
        """Set the terminal to deliver single keys."""
        self._saved_mode: Any = None
        if sys.platform != "win32" and sys.stdin.isatty() and _in_foreground():
            import termios
            import tty

            self._saved_mode = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)

    def pressed(self) -> str:
        """Return the keys pressed since the last call."""
        if sys.platform == "win32":
            import msvcrt

            keys = ""
            while msvcrt.kbhit():
                keys += msvcrt.getwch()
            return keys
        import os
        import select

        if self._saved_mode is None or not select.select([sys.stdin], [], [], 0)[0]:
            return ""
        return os.read(sys.stdin.fileno(), 64).decode(errors="ignore")

    def close(self) -> None:
        """Restore the terminal."""
        if self._saved_mode is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved_mode)


def _in_foreground() -> bool:
    """Return whether this job may change the terminal: the system stops a background job for it."""
    import os

    return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
