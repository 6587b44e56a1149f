"""A part of a recording: from --start to --end."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import RtdenoiseError
from .formats import Reader

WARM_UP = 1.0  # s heard before the part: no network here looks back further
GRID = 100  # hops a second: the part is computed on the same hops as the whole would be


class Span(NamedTuple):
    """Seconds from the beginning; None is the recording's own end."""

    start: float = 0.0
    end: float | None = None

    def enter(self, reader: Reader) -> tuple[int, int | None]:
        """Move `reader` to a little before the start.

        Returns how many frames are to be dropped then, and how many to be kept (None: all).
        Raises RtdenoiseError where the recording ends before.
        """
        if self.start == 0 and self.end is None:
            return 0, None
        if self.end is not None and self.end <= self.start:
            raise RtdenoiseError(f"--end {self.end:g} s is not after --start {self.start:g} s")
        rate = reader.sample_rate
        first = round(self.start * rate)
        if reader.frames and first >= reader.frames:
            raise RtdenoiseError(
                f"{reader.path} lasts {reader.frames / rate:.2f} s: choose an earlier --start"
            )
        heard = round(max(0.0, self.start - WARM_UP) * GRID // 1 * rate / GRID)
        reader.skip(heard)
        return first - heard, None if self.end is None else round(self.end * rate) - first


WHOLE = Span()


def seconds(text: str | None, option: str) -> float | None:
    """Parse 90, 1:30 or 0:01:30.5. Raises RtdenoiseError on anything else."""
    if text is None:
        return None
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or min(parts) < 0:
        raise RtdenoiseError(f"{option} {text!r} is no time: use seconds or [h:]m:s, such as 1:30")
    total = 0.0
    for part in parts:
        total = 60 * total + part
    return total
