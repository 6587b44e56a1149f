"""The model card: all that the runtime needs to know, as JSON in the ONNX file's metadata."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from ..constants import SAMPLE_RATE, SEGMENT
from ..errors import RtdenoiseError

METADATA_KEY = "rtdenoise"
MAX_LENGTH = 60 * SAMPLE_RATE  # samples, of each length in a card: more is an error in the file

FORMS = ("segment", "stream", "rolling")


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """The description of a model in its ONNX file. All lengths are in samples at `sample_rate`.

    An output sample depends on at most `context` past and `lookahead` future samples. Forms:
        segment   audio [batch, 1, 48000] -> the same
        stream    audio [batch, 1, n * hop] and states -> the same, `lookahead` late
        rolling   audio [batch, 1, before + n * hop + after] -> [batch, 1, n * hop]:
                  the samples whose context and look-ahead are within the input
    """

    name: str
    version: str
    form: str
    hop: int  # the network's time step; engines advance by multiples of it
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
        lengths = (self.hop, self.context, self.lookahead, self.segment, self.sample_rate)
        if not (
            all(type(n) is int and 0 <= n <= MAX_LENGTH for n in lengths)
            and self.sample_rate == SAMPLE_RATE
            and self.segment > 0
            and self.hop > 0
            and self.segment % self.hop == 0
        ):
            raise RtdenoiseError(
                f"model card of {self.name!r} is not valid: sample rate {self.sample_rate}, "
                f"hop {self.hop}, segment {self.segment}, context {self.context}, look-ahead "
                f"{self.lookahead}: export it again with `python -m export`"
            )

    @property
    def fits_segment(self) -> bool:
        """Whether 1-second segments are exact: context + hop + lookahead <= segment."""
        return self.context + self.hop + self.lookahead <= self.segment

    @property
    def engine(self) -> str:
        """The engine to use: "stream" carries states, "segment" reads the last second each time."""
        return "stream" if self.form == "stream" else "segment"

    @property
    def before(self) -> int:
        """The input before a rolling model's output: the context in whole hops, in samples."""
        return -(-self.context // self.hop) * self.hop

    @property
    def after(self) -> int:
        """The input after a rolling model's output: the look-ahead in whole hops, in samples."""
        return -(-self.lookahead // self.hop) * self.hop

    def to_json(self) -> str:
        """Return the card as JSON for the ONNX metadata."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Parse a card, ignoring unknown keys. Raises RtdenoiseError if it is not a card."""
        try:
            data = json.loads(text)
            known = {f.name for f in dataclasses.fields(cls)}
            return cls(**{k: v for k, v in data.items() if k in known})
        except (ValueError, TypeError, AttributeError) as error:
            raise RtdenoiseError(
                f"the model's card cannot be read ({error}): export the model again with "
                "`python -m export`"
            ) from error
