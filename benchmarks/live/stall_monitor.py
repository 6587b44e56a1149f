"""Does the machine itself stop? A thread of high priority that does nothing but sleep knows.

On a shared machine the host takes processors away for a while. No program can play on through
that, so a long run tells how often it happened, and for how long.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from rtdenoise.live import raise_priority

NAP = 0.005  # s
LATE = 0.015  # s too late: a hop of 20 ms would hardly have been ready


class Stalls(threading.Thread):
    """Naps until `stop` is called; notes every nap that lasted too long."""

    def __init__(self) -> None:
        super().__init__(name="stalls", daemon=True)
        self.late: list[float] = []  # s beyond the nap
        self._stop_asked, self._steal = threading.Event(), stolen()

    def run(self) -> None:
        """Nap and compare the clock."""
        raise_priority()
        while not self._stop_asked.is_set():
            started = time.monotonic()
            time.sleep(NAP)
            over = time.monotonic() - started - NAP
            if over > LATE:
                self.late.append(over)

    def stop(self) -> dict[str, float]:
        """Stop; returns how often the machine stood still, the longest in ms, and stolen time."""
        self._stop_asked.set()
        self.join()
        return {
            "stalls": len(self.late),
            "longest_stall_ms": round(1000 * max(self.late, default=0.0), 1),
            "stolen_s": round(stolen() - self._steal, 1),
        }


def stolen() -> float:
    """Seconds of processor time that the host took away since boot (Linux; else 0)."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return 0.0
    return int(stat.read_text().split("\n", 1)[0].split()[8]) / 100
