"""Real-time priority for the threads that must not be late, where the system grants it."""

from __future__ import annotations

import os
import threading

PRIORITY = 5  # above every ordinary program, below the sound server's own threads
NICE = -11  # the next best: what sound servers take for themselves

_local = threading.local()


def raise_priority() -> str:
    """Raise the calling thread's priority, once; returns what was granted.

    "real-time" (Linux's SCHED_RR, which root, members of an audio group with an rtprio limit and
    CAP_SYS_NICE may take), "high" (a lower nice value) or "normal". Never raises.
    """
    if not hasattr(_local, "granted"):
        _local.granted = _raise()
    return _local.granted


def _raise() -> str:
    if not hasattr(os, "sched_setscheduler"):
        return "normal"
    try:  # a child process must not inherit it
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
