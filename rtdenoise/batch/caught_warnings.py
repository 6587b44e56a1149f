"""Warnings by thread: `warnings.catch_warnings` would mix those of files that are done at once."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_lock = threading.Lock()
_caught: dict[int, list[str]] = {}  # by thread
_before: list[Any] = []  # the filters and the function of the program, while any are caught


@contextmanager
def caught_warnings() -> Iterator[list[str]]:
    """Yield a list that gets the text of every warning of this thread."""
    thread, texts = threading.get_ident(), list[str]()
    with _lock:
        if not _caught:
            filters = warnings.catch_warnings()
            filters.__enter__()
            _before[:] = [filters, warnings.showwarning]
            warnings.simplefilter("always")
            warnings.showwarning = _show
        outer, _caught[thread] = _caught.get(thread), texts
    try:
        yield texts
    finally:
        with _lock:
            if outer is None:
                del _caught[thread]
            else:
                _caught[thread] = outer
            if not _caught:
                _before[0].__exit__(None, None, None)


def _show(message: Warning | str, *arguments: Any, **named: Any) -> None:
    texts = _caught.get(threading.get_ident())
    if texts is None:  # of a thread that denoises no file
        _before[1](message, *arguments, **named)
    else:
        texts.append(str(message))
