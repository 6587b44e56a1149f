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

FIELDS = ["file", "speaker", "licence", "bandwidth", "start", "length"]
FULL_BAND = SAMPLE_RATE / 2
FULL_SCALE = 2**15  # of the int16 samples


@dataclasses.dataclass
class Clip:
    """One recording: where it lies in the bank and what is known of it."""

    file: str
    speaker: str  # or noise class; clips of one speaker lie side by side and may be joined
    licence: str = "unknown"
    bandwidth: float = FULL_BAND  # Hz; above it the recording holds nothing to learn from
    start: int = 0  # samples
    length: int = 0


class Bank:
    """Recordings of one kind, end to end: `samples` int16 [total] and a row for each clip."""

    def __init__(self, samples: Tensor, clips: Sequence[Clip]) -> None:
        self.samples, self.clips = samples, list(clips)
        self.starts = torch.tensor([c.start for c in clips], dtype=torch.long)
        self.lengths = torch.tensor([c.length for c in clips], dtype=torch.long)
        self.bandwidths = torch.tensor([c.bandwidth for c in clips], dtype=torch.float32)
        names = [c.speaker for c in clips]
        gap = [c.start + c.length for c in clips]  # clips held out leave gaps that end a run
        first = [
            i
            for i, name in enumerate(names)
            if i == 0 or name != names[i - 1] or clips[i].start != gap[i - 1]
        ]
        last = [*first[1:], len(names)]
        ends = self.starts + self.lengths
        self.run_starts = self.starts[first] if first else self.starts
        self.run_ends = torch.stack([ends[i - 1] for i in last]) if first else ends

    def __len__(self) -> int:
        return len(self.clips)

    def to(self, device: torch.device | str) -> Bank:
        """Move samples to the device that mixes."""
        self.samples = self.samples.to(device)
        return self

    @property
    def seconds(self) -> float:
        """Total duration in seconds."""
        return len(self.samples) / SAMPLE_RATE


def read_clips(table: Path) -> list[Clip]:
    """Read the rows of a bank. Raises RtdenoiseError where the table is none."""
    try:
        with open(table, newline="", encoding="utf-8") as handle:
            return [
                Clip(
                    row["file"],
                    row["speaker"],
                    row["licence"],
                    float(row["bandwidth"]),
                    int(row["start"]),
                    int(row["length"]),
                )
                for row in csv.DictReader(handle)
            ]
    except (OSError, KeyError, ValueError) as error:
        raise RtdenoiseError(f"{table} is no table of clips ({error}): pack them again") from error


def write_clips(table: Path, clips: Iterable[Clip]) -> None:
    """Write the rows of a bank."""
    with open(table, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, FIELDS)
        writer.writeheader()
        writer.writerows(dataclasses.asdict(clip) for clip in clips)
