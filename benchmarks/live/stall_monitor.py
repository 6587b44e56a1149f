"""Detects when the whole machine stops: a high-priority thread that only sleeps is late then.

On a shared machine, the host sometimes takes the processors away. No program can play audio during
that time, so a long run reports how often and how long it happened.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from rtdenoise.live import raise_priority

SLEEP = 0.005  # s
LATE = 0.015  # s beyond that count as a stall: a hop of 20 ms would hardly have been ready


class StallMonitor(threading.Thread):
    """Sleeps in short intervals until `stop` is called, and keeps those that took too long."""

    def __init__(self) -> None:
        super().__init__(name="stall monitor", daemon=True)
        self.stalls: list[float] = []  # s beyond the interval
        self._stop_requested, self._stolen_before = threading.Event(), stolen_seconds()

    def run(self) -> None:
        """Sleep, and compare with the clock."""
        raise_priority()
        while not self._stop_requested.is_set():
            started = time.monotonic()
            time.sleep(SLEEP)
            late = time.monotonic() - started - SLEEP
            if late > LATE:
                self.stalls.append(late)

    def stop(self) -> dict[str, float]:
        """Stop; return the number of stalls, the longest in ms, and the stolen time in s."""
        self._stop_requested.set()
        self.join()
        return {
            "stalls": len(self.stalls),
            "longest_stall_ms": round(1000 * max(self.stalls, default=0.0), 1),
            "stolen_s": round(stolen_seconds() - self._stolen_before, 1),
        }


def stolen_seconds() -> float:
    """Return the processor time that the host took away since boot (Linux; 0 elsewhere)."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return 0.0
    return int(stat.read_text().split("\n", 1)[0].split()[8]) / 100
