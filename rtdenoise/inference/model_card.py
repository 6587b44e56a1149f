"""The model card: everything the runtime must know, as JSON inside the ONNX file's metadata."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from ..constants import SAMPLE_RATE, SEGMENT
from ..errors import RtdenoiseError

METADATA_KEY = "rtdenoise"

FORMS = ("segment", "stream", "rolling")


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What an ONNX file says of itself. All lengths are in samples at `sample_rate`.

    An output sample depends on at most `context` past and `lookahead` future samples. Forms:
        segment   audio [batch, 1, 48000] -> the same
        stream    audio [batch, 1, n * hop] and states -> the same, `lookahead` late
        rolling   audio [batch, 1, before + n * hop + after] -> [batch, 1, n * hop], what lies
                  between: all that has its context and its look-ahead in the audio
    """

    name: str
    version: str
    form: str
    hop: int  # the time grid of the network; the engine advances by multiples of it
    context: int
    lookahead: int
    sample_rate: int = SAMPLE_RATE
    segment: int = SEGMENT
    timestep: int = 0
    licence: str = "MIT"
    training_data: str = ""
    metrics: dict[str, Any] = dataclasses.field(default_factory=dict)
    checkpoint_sha256: str = ""

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise RtdenoiseError(f"model form {self.form!r} is unknown: export it again ({FORMS})")
        if self.sample_rate != SAMPLE_RATE or self.segment % self.hop or self.hop < 1:
            raise RtdenoiseError(
                f"model card of {self.name!r} is not usable: sample rate {self.sample_rate}, "
                f"hop {self.hop}, segment {self.segment}: export it again with `python -m export`"
            )

    @property
    def fits_segment(self) -> bool:
        """True where 1-second segments lose nothing: context + hop + lookahead <= segment."""
        return self.context + self.hop + self.lookahead <= self.segment

    @property
    def engine(self) -> str:
        """Which engine runs it: "stream" carries states, "segment" hears the last second anew."""
        return "stream" if self.form == "stream" else "segment"

    @property
    def before(self) -> int:
        """The context in whole hops, as the rolling form wants it."""
        return -(-self.context // self.hop) * self.hop

    @property
    def after(self) -> int:
        """The look-ahead in whole hops."""
        return -(-self.lookahead // self.hop) * self.hop

    def to_json(self) -> str:
        """Return the card as the JSON text that goes into the ONNX metadata."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card; unknown keys are ignored. Raises RtdenoiseError on a foreign card."""
        try:
            data = json.loads(text)
            known = {f.name for f in dataclasses.fields(cls)}
            return cls(**{k: v for k, v in data.items() if k in known})
        except (ValueError, TypeError, AttributeError) as error:
            raise RtdenoiseError(
                f"the model's card cannot be read ({error}): export it with `python -m export`"
            ) from error
