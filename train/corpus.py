"""The training corpus in memory: speech, noise and room responses as int16 at 48 kHz.

    python -m train.corpus ../corpus packed [--validation 0.04]

packs directories (or the output of shared/corpus/collect.py, whose manifest names speakers,
licences and bandwidths) into one int16 .npy and one .csv per kind; validation speakers apart.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
import torch
from torch import Tensor

from rtdenoise.command import run_function
from rtdenoise.errors import RtdenoiseError

from .network_api import SAMPLE_RATE

KINDS = ("clean", "noise", "rir")
AUDIO = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".caf"}
FIELDS = ["file", "speaker", "licence", "bandwidth", "start", "length"]
FULL_BAND = SAMPLE_RATE / 2


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


@dataclasses.dataclass
class Corpus:
    """Speech, noise and rooms. Noise and rooms may be empty: both can be synthesised."""

    clean: Bank
    noise: Bank
    rir: Bank

    @classmethod
    def from_directories(
        cls, clean: Iterable[Path], noise: Iterable[Path] = (), rir: Iterable[Path] = ()
    ) -> Corpus:
        """Read audio of any rate and format below the directories; the folder is the speaker."""
        banks = [
            _read_bank(_scan(dirs), kind)
            for dirs, kind in zip((clean, noise, rir), KINDS, strict=True)
        ]
        if not len(banks[0]):
            raise RtdenoiseError("no clean speech found: give --clean a folder with audio files")
        return cls(*banks)

    @classmethod
    def load(cls, packed: Path) -> Corpus:
        """Load what `pack` wrote."""
        banks = []
        for kind in KINDS:
            table, data = Path(packed, f"{kind}.csv"), Path(packed, f"{kind}.npy")
            if not (table.is_file() and data.is_file()):
                raise RtdenoiseError(
                    f"{packed} is not a packed corpus ({table.name} is missing): "
                    "make one with `python -m train.corpus`"
                )
            # Mapped, not read: it starts at once, and all processes share one copy in memory.
            samples = torch.from_numpy(np.load(data, mmap_mode="c"))
            banks.append(Bank(samples, read_clips(table)))
        return cls(*banks)

    def save(self, packed: Path) -> None:
        """Write <kind>.npy (int16) and <kind>.csv for each kind into the folder `packed`."""
        Path(packed).mkdir(parents=True, exist_ok=True)
        for kind in KINDS:
            bank: Bank = getattr(self, kind)
            np.save(Path(packed, f"{kind}.npy"), bank.samples.numpy())
            write_clips(Path(packed, f"{kind}.csv"), bank.clips)

    def hold_out(self, fraction: float = 0.05) -> tuple[Corpus, Corpus]:
        """Split the speech into (training, validation) by speaker, or by clip where there is one.

        Noise and rooms serve both sides.
        """
        speakers = sorted({clip.speaker for clip in self.clean.clips})
        key = "speaker" if len(speakers) > 2 else "file"
        names = sorted({getattr(clip, key) for clip in self.clean.clips})
        held = {name for name in names if is_validation(name, fraction)} or set(names[:1])
        sides: tuple[list[Clip], list[Clip]] = ([], [])
        for clip in self.clean.clips:
            sides[getattr(clip, key) in held].append(clip)
        banks = [Bank(self.clean.samples, side or self.clean.clips) for side in sides]
        return tuple(Corpus(bank, self.noise, self.rir) for bank in banks)  # type: ignore

    def to(self, device: torch.device | str) -> Corpus:
        """Move all samples to the device that mixes."""
        for kind in KINDS:
            getattr(self, kind).to(device)
        return self


def read_mono(path: Path) -> np.ndarray:
    """Read a recording as int16 mono at 48 kHz; a peak above full scale is scaled down."""
    audio, rate = sf.read(path, dtype="float32", always_2d=True)
    mono = np.nan_to_num(audio.mean(axis=1))
    if rate != SAMPLE_RATE and len(mono):
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    peak = float(np.abs(mono).max(initial=0.0))
    return np.round(mono * (32767 / max(1.0, peak))).astype(np.int16)


def is_validation(speaker: str, fraction: float) -> bool:
    """Choose by a hash of the speaker's name: stable, and no speaker is on both sides."""
    return int(hashlib.sha256(speaker.encode()).hexdigest()[:8], 16) / 2**32 < fraction


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


def _scan(folders: Iterable[Path]) -> list[tuple[Path, Clip]]:
    found = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise RtdenoiseError(f"{folder} is not a folder: give one with audio files in it")
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO):
            found.append((path, Clip(str(path.relative_to(folder)), path.parent.name)))
    return found


def _read_bank(entries: Sequence[tuple[Path, Clip]], kind: str) -> Bank:
    chunks, clips, position = [], [], 0
    for path, clip in sorted(entries, key=lambda e: (e[1].speaker, e[1].file)):
        try:
            samples = read_mono(path)
        except (sf.SoundFileError, OSError) as error:
            raise RtdenoiseError(f"{path} ({kind}) cannot be read: {error}: remove it") from error
        if len(samples):
            clips.append(dataclasses.replace(clip, start=position, length=len(samples)))
            chunks.append(samples)
            position += len(samples)
    joined = np.concatenate(chunks) if chunks else np.zeros(0, np.int16)
    return Bank(torch.from_numpy(joined), clips)


def pack(collected: Path, out: Path, validation: float = 0.04) -> None:
    """Pack a folder into out/train and out/validation, speakers apart.

    The folder is the collector's output (manifest.csv) or has subfolders clean, noise and rir.
    """
    sides: dict[str, list[Bank]] = {"train": [], "validation": []}
    for kind in KINDS:
        split: dict[str, list[tuple[Path, Clip]]] = {"train": [], "validation": []}
        for path, clip in _entries(collected, kind):
            key = clip.speaker if kind == "clean" else clip.file  # noise classes on both sides
            side = "validation" if is_validation(key, validation) else "train"
            split[side].append((path, clip))
        for side, entries in split.items():
            sides[side].append(_read_bank(entries, kind))
    for side, banks in sides.items():
        Corpus(*banks).save(Path(out, side))
        for kind, bank in zip(KINDS, banks, strict=True):
            print(f"{side} {kind}: {len(bank)} files, {bank.seconds / 3600:.2f} h")


def _entries(collected: Path, kind: str) -> list[tuple[Path, Clip]]:
    """List the recordings of a kind, from the manifest where there is one."""
    manifest = Path(collected, "manifest.csv")
    if not manifest.is_file():
        folder = Path(collected, kind)
        return _scan([folder] if folder.is_dir() or kind == "clean" else [])
    with open(manifest, newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["kind"] == kind]
    return [
        (
            Path(collected, row["file"]),
            Clip(
                row["file"],
                f"{row['source']}/{row['speaker_or_class']}",
                row["licence"],
                float(row["bw"] or FULL_BAND),
            ),
        )
        for row in rows
    ]


def main() -> None:
    """Run the packer; bad input gives one line on stderr and exit code 2."""
    run_function("train.corpus", pack)


if __name__ == "__main__":
    main()
