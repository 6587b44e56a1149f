"""What a live session shows: meters and keys in a terminal, lines elsewhere, or JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from .session import LiveSession
from .status import status


class Screen(Protocol):
    """Shown while a session runs."""

    def __enter__(self) -> Any:
        """Take over the terminal, where it does."""

    def __exit__(self, *_: Any) -> None:
        """Leave the terminal as it was."""

    def say(self, text: str) -> None:
        """Show a message."""

    def update(self, session: LiveSession) -> None:
        """Called ten times a second."""


class Plain:
    """Messages as lines; nothing in between."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def update(self, session: LiveSession) -> None:
        """Show nothing."""


class JsonLines(Plain):
    """A JSON object a second on stdout, messages on stderr."""

    def __init__(self) -> None:
        super().__init__(lambda text: print(text, file=sys.stderr, flush=True))
        self._next = 0.0

    def update(self, session: LiveSession) -> None:
        """Print the state once a second."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            print(json.dumps(status(session)), flush=True)


def choose_screen(quiet: bool, as_json: bool) -> Screen:
    """Return the screen for the options and for where the output goes."""
    if quiet:
        return Plain(lambda _: None)
    if as_json:
        return JsonLines()
    if sys.stdout.isatty():
        from .terminal import Terminal

        return Terminal()
    return Plain(lambda text: print(text, flush=True))
