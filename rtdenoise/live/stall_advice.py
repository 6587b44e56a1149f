"""Tells the user which `--safety-ms` would have prevented an audible gap."""

from __future__ import annotations

import math

from .options import SAFETY

REPEAT_FACTOR = 1.5  # advise again only if a gap is so much longer than the last one


class StallAdvice:
    """Remembers the longest gap it has advised on, so that it does not repeat itself."""

    def __init__(self) -> None:
        self._advised_gap = 0.0  # s

    def advise(self, longest_gap: float) -> str | None:
        """Return advice on the longest gap so far, in seconds; None if there is nothing new."""
        if not longest_gap or longest_gap < REPEAT_FACTOR * self._advised_gap:
            return None
        self._advised_gap, ms = longest_gap, 1000 * longest_gap
        enough = 10 * math.ceil(ms / 10)
        advice = f"--safety-ms {enough} prevents that, but adds as much latency"
        if enough > SAFETY.high:
            advice = f"that is longer than the largest --safety-ms, {SAFETY.high:g}, can bridge"
        return f"audio was lost: this machine stopped for {ms:.0f} ms; {advice}"
