"""The options of a live session, and the lengths that follow from them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..checks import NumberRange
from ..constants import SAMPLE_RATE
from ..errors import InvalidValueError
from ..inference import ModelCard
from ..processing import ATTENUATION_LIMIT, MIX

NO_OUTPUT = "none"  # value of --output that plays nothing
# The ring buffers hold one second.
HOP = NumberRange("a hop (--hop-ms)", 0.01, 200, "ms")
SAFETY = NumberRange("a safety (--safety-ms)", 0, 400, "ms")
DURATION = NumberRange(
    "a duration (--seconds)", 0.001, 1e8, "s", ", or leave it out to run until stopped"
)


@dataclasses.dataclass
class LiveOptions:
    """The options of `rtdenoise live`. None selects the default.

    Raises RtdenoiseError if a number is not in its range.
    """

    input: str | None = None  # a device, or a sound file
    output: str | None = None  # a device, or "none"
    model: str | None = None
    provider: str = "auto"
    engine: str = "auto"
    tf32: bool = False
    hop_ms: float | None = None
    safety_ms: float = 0.0  # extra buffering, for machines that stop for a moment now and then
    mix: float = 1.0
    limit_db: float | None = None
    allow_feedback: bool = False
    seconds: float | None = None
    record: Path | None = None

    def __post_init__(self) -> None:
        MIX.check(self.mix)
        ATTENUATION_LIMIT.check_optional(self.limit_db)
        HOP.check_optional(self.hop_ms)
        SAFETY.check(self.safety_ms)
        DURATION.check_optional(self.seconds)

    @property
    def from_file(self) -> bool:
        """Whether the input is a sound file instead of a microphone."""
        return self.input is not None and Path(self.input).is_file()

    def hop_frames(self, card: ModelCard) -> int:
        """Return the hop in frames: 10 ms for the stream engine and 20 ms for segments by default.

        Raises RtdenoiseError if the hop is out of range or not a multiple of the model's own hop.
        """
        ms = self.hop_ms
        if ms is None:
            ms = 10 if card.engine == "stream" else 20
        HOP.check(ms)
        hop = round(ms * SAMPLE_RATE / 1000)
        if hop < 1 or hop % card.hop:
            raise InvalidValueError(
                f"a hop (--hop-ms) of {ms:g} ms does not fit the model: "
                f"use a multiple of {card.hop * 1000 / SAMPLE_RATE:g} ms"
            )
        return hop

    def safety_frames(self) -> int:
        """Return the extra buffering in frames. Raises RtdenoiseError if it is out of range."""
        return round(SAFETY.check(self.safety_ms) * SAMPLE_RATE / 1000)
