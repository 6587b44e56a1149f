"""A part of a recording: from --start to --end."""

from __future__ import annotations

from typing import NamedTuple

from ..checks import NumberRange
from ..errors import InvalidTypeError, InvalidValueError, RtdenoiseError
from .formats import Reader

WARM_UP = 1.0  # s read before the range: no bundled network has a longer context
MAX_SECONDS = 1e8  # three years
START = NumberRange("a start", 0, MAX_SECONDS, "s")
END = NumberRange("an end", 0, MAX_SECONDS, "s", ", or None for the end of the recording")
HOPS_PER_SECOND = 100  # reading starts on a hop, so a range has the samples of the whole file


class TimeRange(NamedTuple):
    """A range in seconds from the beginning of a recording; `end` None is the recording's end."""

    start: float = 0.0
    end: float | None = None

    def seek(self, reader: Reader) -> tuple[int, int | None]:
        """Move `reader` to the warm-up before the range.

        Returns the number of frames to drop from there on, and the number to keep after them
        (None: all). Raises RtdenoiseError if the range is empty or begins after the recording ends.
        """
        START.check(self.start)
        END.check_optional(self.end)
        if self.start == 0 and self.end is None:
            return 0, None
        if self.end is not None and self.end <= self.start:
            raise InvalidValueError(f"--end {self.end:g} s is not after --start {self.start:g} s")
        rate = reader.sample_rate
        first = round(self.start * rate)
        if reader.frames and first >= reader.frames:
            raise InvalidValueError(
                f"{reader.path} lasts {reader.frames / rate:.2f} s: choose an earlier --start"
            )
        last = None if self.end is None else round(self.end * rate)
        if last is not None and last <= first:
            raise InvalidValueError(
                f"no sample of {reader.path} at {rate} Hz lies from --start {self.start:g} s to "
                f"--end {self.end:g} s: choose a later --end"
            )
        warm_up = max(0.0, self.start - WARM_UP)
        skipped = round(warm_up * HOPS_PER_SECOND // 1 * rate / HOPS_PER_SECOND)
        reader.skip(skipped)
        return first - skipped, None if last is None else last - first


WHOLE_FILE = TimeRange()


def as_time_range(value: object) -> TimeRange:
    """Return a TimeRange, also for a pair of numbers. Raises RtdenoiseError on anything else."""
    if isinstance(value, TimeRange):
        return value
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise InvalidTypeError("time_range must be a TimeRange, or a pair (start, end) of seconds")
    return TimeRange(*value)


def parse_time(text: str | None, option: str) -> float | None:
    """Return the seconds in 90, 1:30 or 0:01:30.5. Raises RtdenoiseError on anything else."""
    if text is None:
        return None
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(0 <= part <= MAX_SECONDS for part in parts):
        raise RtdenoiseError(f"{option} {text!r} is not a time: use seconds or [h:]m:s, as in 1:30")
    total = 0.0
    for part in parts:
        total = 60 * total + part
    return total
