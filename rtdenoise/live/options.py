"""What the user of `rtdenoise live` chose."""

from __future__ import annotations

import dataclasses
from pathlib import Path

NOWHERE = "none"  # as an output


@dataclasses.dataclass
class LiveOptions:
    """None takes the default."""

    input: str | None = None  # a device, or a sound file
    output: str | None = None  # a device, or "none"
    model: str | None = None
    provider: str = "auto"
    engine: str = "auto"
    tf32: bool = False
    hop_ms: float | None = None
    safety_ms: float = 0.0  # held ready in ring and device, for machines that stand still at times
    mix: float = 1.0
    limit_db: float | None = None
    allow_feedback: bool = False
    seconds: float | None = None
    record: Path | None = None

    @property
    def from_file(self) -> bool:
        """Whether a recording stands in for the microphone."""
        return self.input is not None and Path(self.input).is_file()
