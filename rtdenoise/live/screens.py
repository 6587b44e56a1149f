"""What a live session displays: meters in a terminal, plain lines elsewhere, or JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from .session import LiveSession
from .status import status


class Screen(Protocol):
    """Displays a session while it runs."""

    def __enter__(self) -> Any:
        """Take over the terminal, if the screen uses it."""

    def __exit__(self, *_: Any) -> None:
        """Restore the terminal."""

    def show_message(self, text: str) -> None:
        """Show a message."""

    def update(self, session: LiveSession) -> None:
        """Show the present state; called about ten times a second."""


class PlainLines:
    """Shows messages as lines, and nothing else."""

    def __init__(self, show_message: Callable[[str], None]) -> None:
        self.show_message = show_message

    def __enter__(self) -> PlainLines:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def update(self, session: LiveSession) -> None:
        """Show nothing."""


class JsonLines(PlainLines):
    """Prints a JSON object per second to stdout, and messages to stderr."""

    def __init__(self) -> None:
        super().__init__(lambda text: print(text, file=sys.stderr, flush=True))
        self._next_line = 0.0

    def update(self, session: LiveSession) -> None:
        """Print the state once a second."""
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + 1
            print(json.dumps(status(session)), flush=True)


def choose_screen(quiet: bool, as_json: bool) -> Screen:
    """Return the screen for the options and for where stdout goes."""
    if quiet:
        return PlainLines(lambda _: None)
    if as_json:
        return JsonLines()
    if sys.stdout.isatty():
        from .terminal import Terminal

        return Terminal()
    return PlainLines(lambda text: print(text, flush=True))
