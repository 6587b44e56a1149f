"""The training corpus: speech, noise and room responses as int16 at 48 kHz, mapped from disk."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from rtdenoise.errors import RtdenoiseError

from .bank_writer import require_speech, write_bank
from .banks import Bank, Clip, read_clips, write_clips
from .recordings import scan

KINDS = ("clean", "noise", "rir")


@dataclasses.dataclass
class Corpus:
    """Speech, noise and rooms. Noise and rooms may be empty: both can be synthesised."""

    clean: Bank
    noise: Bank
    rir: Bank
    folder: tempfile.TemporaryDirectory[str] | None = None  # of the banks, if it is ours

    @classmethod
    def from_directories(
        cls, clean: Iterable[Path], noise: Iterable[Path] = (), rir: Iterable[Path] = ()
    ) -> Corpus:
        """Read audio of any rate and format below the directories; the folder is the speaker.

        Raises RtdenoiseError if there is too little clean speech.
        """
        folder = tempfile.TemporaryDirectory(prefix="rtdenoise-", ignore_cleanup_errors=True)
        entries = [scan(folders) for folders in (clean, noise, rir)]
        if not entries[0]:
            raise RtdenoiseError("no clean speech found: give --clean a folder with audio files")
        for found, kind in zip(entries, KINDS, strict=True):
            clips = write_bank(found, kind, Path(folder.name))
            if kind == "clean":
                require_speech(clips, "--clean")
        corpus = cls.load(Path(folder.name))
        corpus.folder = folder  # removed with the corpus that maps it
        return corpus

    @classmethod
    def load(cls, packed: Path) -> Corpus:
        """Load what `pack` wrote."""
        banks: list[Bank] = []
        for kind in KINDS:
            table, data = Path(packed, f"{kind}.csv"), Path(packed, f"{kind}.npy")
            missing = next((file.name for file in (table, data) if not file.is_file()), None)
            if missing:
                raise RtdenoiseError(
                    f"{packed} is not a packed corpus ({missing} is missing): "
                    "make one with `python -m train.data.packing`"
                )
            # Mapped, not read: it starts at once, and all processes share one copy in memory.
            samples = torch.from_numpy(np.load(data, mmap_mode="c"))
            banks.append(Bank(samples, read_clips(table)))
        clean, noise, rir = banks
        return cls(clean, noise, rir)

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
        return tuple(Corpus(b, self.noise, self.rir, self.folder) for b in banks)  # type: ignore

    def to(self, device: torch.device | str) -> Corpus:
        """Move all samples to the device that mixes."""
        for kind in KINDS:
            getattr(self, kind).to(device)
        return self


def is_validation(name: str, share: float) -> bool:
    """Choose by a hash of the name: stable, and no speaker is on both sides."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32 < share
