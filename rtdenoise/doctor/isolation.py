"""Runs a check in a process of its own: a crash or a hang there is a finding like any other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from typing import Any

from .finding import Check, Finding, finding_of

TIMEOUT = 60.0  # seconds; the first start of CUDA takes ten
AGAIN = "install rtdenoise again; with --debug, libraries print their messages"


class IsolatedCheck:
    """A check that runs in another process from now on; `findings` waits for it."""

    def __init__(self, name: str, check: Check, timeout: float = TIMEOUT) -> None:
        """Start the process; where that is not possible, run the check in this one."""
        self.name, self._deadline = name, time.monotonic() + timeout
        self._timeout, self._found = timeout, None
        try:
            context = multiprocessing.get_context("spawn")  # no library is loaded in it yet
            self._receiver, sender = context.Pipe(duplex=False)
            self._process: Any = context.Process(
                target=_run_and_send, args=(name, check, sender), daemon=True
            )
            self._process.start()
            sender.close()
        except Exception:  # a system without processes, pipes or rights
            self._found = run_check(name, check)

    def findings(self) -> list[Finding]:
        """Return what the check found, or that it crashed or gave no answer in time."""
        if self._found is None:
            self._found = self._wait()
        return self._found

    def _wait(self) -> list[Finding]:
        try:
            if self._receiver.poll(max(0.0, self._deadline - time.monotonic())):
                found: list[Finding] = self._receiver.recv()
                return found
            problem, advice = f"no answer in {self._timeout:g} s", "restart what it waits for"
        except (EOFError, OSError):
            self._process.join(5)
            problem, advice = f"the check crashed ({_ending(self._process.exitcode)})", AGAIN
        finally:
            self._process.kill()
        return [Finding(self.name, "broken", problem, advice)]


def run_check(name: str, check: Check) -> list[Finding]:
    """Run a check here; whatever it raises is a finding."""
    try:
        return check()
    except BaseException as error:  # also SystemExit: libraries may do anything when imported
        return [finding_of(name, "broken", error)]


def _run_and_send(name: str, check: Check, sender: Connection) -> None:
    """Run a check in the other process. What libraries print does not get into the report."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sender.send(run_check(name, check))
    sender.close()


def _ending(exit_code: int | None) -> str:
    """Return how a process ended, such as SIGSEGV."""
    if exit_code is not None and exit_code < 0:
        try:
            return signal.Signals(-exit_code).name
        except ValueError:
            pass
    return f"exit code {exit_code}"
