"""What a check found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

from ..command import describe_error
from ..errors import RtdenoiseError

# absent: not needed for files; warning: works, but worse; broken: needed, and does not work
State = Literal["ok", "absent", "warning", "broken"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of one check: a line for people, and `details` for programs (JSON types)."""

    name: str
    state: State
    text: str
    advice: str = ""  # how to mend it
    details: dict[str, Any] = dataclasses.field(default_factory=dict)


Check = Callable[[], list[Finding]]


def finding_of(name: str, state: State, error: BaseException) -> Finding:
    """Return the finding for an exception; an RtdenoiseError says `problem: advice`."""
    text = describe_error(error)
    if isinstance(error, RtdenoiseError):
        problem, _, advice = text.partition(": ")
        return Finding(name, state, problem, advice)
    return Finding(name, state, text)
