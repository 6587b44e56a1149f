"""SIGINT, SIGTERM and SIGHUP become an exception, so that commands clean up before they end."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
RETRY_SECONDS = 0.02
_received: int | None = None


class Stopped(BaseException):
    """A signal asked the command to end. No `except Exception` catches it."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise `Stopped` in the main thread when a signal arrives; ignored signals stay ignored."""
    global _received
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _received, before = None, {}
    unraisable_hook = sys.unraisablehook

    def raise_again(info: Any) -> None:
        if isinstance(info.exc_value, Stopped):
            _arm_again(info.exc_value.number)
        else:
            unraisable_hook(info)

    sys.unraisablehook = raise_again
    try:
        for name in SIGNALS:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, _raise)
        yield
    finally:
        sys.unraisablehook = unraisable_hook
        for number, handler in before.items():
            signal.signal(number, handler)


def set_on_signals(stop: threading.Event) -> None:
    """Set `stop` when a signal arrives, instead of raising: for commands that run until stopped."""
    for name in SIGNALS:
        if number := getattr(signal, name, None):  # Windows has no SIGHUP
            signal.signal(number, lambda *_: stop.set())


def _raise(number: int, _: FrameType | None) -> None:
    """Raise Stopped once. Then the command cleans up: only a second Ctrl-C interrupts that."""
    global _received
    if _received is not None:
        return
    _received = number
    if number == signal.SIGINT:
        signal.signal(number, signal.SIG_DFL)
    raise Stopped(number)


def _arm_again(number: int) -> None:
    """Let the signal come once more: Python drops an exception in `__del__` and in callbacks."""
    global _received
    _received = None
    signal.signal(number, _raise)
    timer = threading.Timer(RETRY_SECONDS, _send, [number])
    timer.daemon = True
    timer.start()


def _send(number: int) -> None:
    """Send a signal to the main thread; a real one also ends a system call that waits."""
    main = threading.main_thread().ident
    if main is not None and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


def raise_if_stopped() -> None:
    """Raise `Stopped` again if a library has swallowed it.

    An import that is interrupted may end in an ImportError instead, for example.
    """
    if _received is not None:
        raise Stopped(_received)
