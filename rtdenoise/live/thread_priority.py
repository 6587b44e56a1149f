"""Real-time priority for threads that must not be late, if the system allows it."""

from __future__ import annotations

import os
import threading

PRIORITY = 5  # above every ordinary program, below the sound server's own threads
NICE = -11  # the second choice: the value that sound servers use for themselves

_local = threading.local()


def raise_priority() -> str:
    """Raise the priority of the calling thread, once, and return what the system granted.

    "real-time" (Linux's SCHED_RR; root, CAP_SYS_NICE or an rtprio limit allow it), "high" (a lower
    nice value) or "normal". Never raises.
    """
    if not hasattr(_local, "granted"):
        _local.granted = _raise()
    return _local.granted


def _raise() -> str:
    if not hasattr(os, "sched_setscheduler"):
        return "normal"
    try:  # child processes must not inherit the priority
        policy = os.SCHED_RR | getattr(os, "SCHED_RESET_ON_FORK", 0)
        os.sched_setscheduler(0, policy, os.sched_param(PRIORITY))  # 0: this thread
        return "real-time"
    except OSError:
        pass
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        return "high"
    except OSError:
        return "normal"
