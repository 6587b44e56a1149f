"""The options of a live session, and the lengths that follow from them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError
from ..inference import ModelCard

NO_OUTPUT = "none"  # value of --output that plays nothing
MAX_HOP_MS, MAX_SAFETY_MS = 200, 400  # the ring buffers hold one second


@dataclasses.dataclass
class LiveOptions:
    """The options of `rtdenoise live`. None selects the default."""

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
        if not 0 < ms <= MAX_HOP_MS:  # this refuses nan too
            raise RtdenoiseError(f"a hop of {ms:g} ms is out of range: use up to {MAX_HOP_MS} ms")
        hop = round(ms * SAMPLE_RATE / 1000)
        if hop < 1 or hop % card.hop:
            raise RtdenoiseError(
                f"a hop of {ms:g} ms does not fit the model: "
                f"use a multiple of {card.hop * 1000 / SAMPLE_RATE:g} ms"
            )
        return hop

    def safety_frames(self) -> int:
        """Return the extra buffering in frames. Raises RtdenoiseError if it is out of range."""
        ms = self.safety_ms
        if not 0 <= ms <= MAX_SAFETY_MS:
            raise RtdenoiseError(
                f"a safety of {ms:g} ms is out of range: use 0 to {MAX_SAFETY_MS} ms"
            )
        return round(ms * SAMPLE_RATE / 1000)
