"""Recordings end to end in one array, and the table that says where each lies."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError

FULL_BAND = SAMPLE_RATE / 2
FULL_SCALE = 2**15  # of the int16 samples


@dataclasses.dataclass
class Clip:
    """One recording: its position in the bank and what is known about it."""

    file: str
    speaker: str  # or noise class; clips of one speaker lie side by side and may be joined
    source: str = ""  # the collection it comes from; whole sources can be held out
    licence: str = "unknown"
    bandwidth: float = FULL_BAND  # Hz; above it the recording holds nothing to learn from
    start: int = 0  # samples
    length: int = 0  # samples
    level: float = 0.0  # dBFS, the 95th percentile of its 20 ms frames
    floor: float = 0.0  # dBFS, the 5th percentile of those frames that are not digital silence


FIELDS = [field.name for field in dataclasses.fields(Clip)]


class Bank:
    """Recordings of one kind, end to end: `samples` int16 [total] and a row for each clip.

    A run is a stretch of consecutive clips of one speaker without a gap: `run_starts` and
    `run_ends` [runs] in samples, `run_first` and `run_last` [runs] in clips (last excluded).
    """

    def __init__(self, samples: Tensor, clips: Sequence[Clip]) -> None:
        self.samples, self.clips = samples, list(clips)
        self.starts = torch.tensor([c.start for c in clips], dtype=torch.long)
        self.lengths = torch.tensor([c.length for c in clips], dtype=torch.long)
        self.bandwidths = torch.tensor([c.bandwidth for c in clips], dtype=torch.float32)
        names = [c.speaker for c in clips]
        end = [c.start + c.length for c in clips]
        first = [
            i
            for i, name in enumerate(names)
            if i == 0 or name != names[i - 1] or clips[i].start != end[i - 1]
        ]
        last = [*first[1:], len(names)] if first else []
        self.run_first = torch.tensor(first, dtype=torch.long)
        self.run_last = torch.tensor(last, dtype=torch.long)
        self.run_starts = self.starts[self.run_first]
        self.run_ends = (self.starts + self.lengths)[self.run_last - 1]

    @classmethod
    def empty(cls) -> Bank:
        """Return a bank without recordings, such as that of rooms where none are needed."""
        return cls(torch.zeros(0, dtype=torch.int16), [])

    def __len__(self) -> int:
        return len(self.clips)

    def to(self, device: torch.device | str) -> Bank:
        """Move samples to the device that mixes."""
        self.samples = self.samples.to(device)
        return self

    @property
    def seconds(self) -> float:
        """Total duration of the clips in seconds."""
        return int(self.lengths.sum()) / SAMPLE_RATE


def require_sources(banks: Iterable[Bank], names: Iterable[str], where: str) -> None:
    """Raise RtdenoiseError, which begins with `where`, for a name that no source has."""
    known = sorted({clip.source for bank in banks for clip in bank.clips})
    for name in names:
        if name not in known:
            raise RtdenoiseError(f"{where} has no source {name!r}: {', '.join(known)}")


def read_clips(table: Path) -> list[Clip]:
    """Read the rows of a bank. Raises RtdenoiseError if `table` is not such a table."""
    kinds = {"float": float, "int": int, "str": str}
    try:
        with open(table, newline="", encoding="utf-8") as handle:
            return [
                Clip(**{f.name: kinds[str(f.type)](row[f.name]) for f in dataclasses.fields(Clip)})
                for row in csv.DictReader(handle)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise RtdenoiseError(
            f"{table} is not a table of clips ({error}): pack the corpus again"
        ) from error


def write_clips(table: Path, clips: Iterable[Clip]) -> None:
    """Write the rows of a bank."""
    with open(table, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, FIELDS)
        writer.writeheader()
        writer.writerows(dataclasses.asdict(clip) for clip in clips)
