"""The training corpus in memory: speech, noise and room responses as int16 at 48 kHz.

    python -m train.corpus ../corpus packed [--validation 0.04]

packs directories (or the output of shared/corpus/collect.py, whose manifest names speakers,
licences and bandwidths) into one int16 .npy and one .csv per kind; validation speakers apart.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from rtdenoise.command import run_function
from rtdenoise.errors import RtdenoiseError

from .banks import Bank, Clip, read_clips, write_clips
from .recordings import entries_of, read_bank, scan

KINDS = ("clean", "noise", "rir")


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
            read_bank(scan(dirs), kind)
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


def is_validation(speaker: str, fraction: float) -> bool:
    """Choose by a hash of the speaker's name: stable, and no speaker is on both sides."""
    return int(hashlib.sha256(speaker.encode()).hexdigest()[:8], 16) / 2**32 < fraction


def pack(collected: Path, out: Path, validation: float = 0.04) -> None:
    """Pack a folder into out/train and out/validation, speakers apart.

    The folder is the collector's output (manifest.csv) or has subfolders clean, noise and rir.
    """
    sides: dict[str, list[Bank]] = {"train": [], "validation": []}
    for kind in KINDS:
        split: dict[str, list[tuple[Path, Clip]]] = {"train": [], "validation": []}
        for path, clip in entries_of(collected, kind):
            key = clip.speaker if kind == "clean" else clip.file  # noise classes on both sides
            side = "validation" if is_validation(key, validation) else "train"
            split[side].append((path, clip))
        for side, entries in split.items():
            sides[side].append(read_bank(entries, kind))
    for side, banks in sides.items():
        Corpus(*banks).save(Path(out, side))
        for kind, bank in zip(KINDS, banks, strict=True):
            print(f"{side} {kind}: {len(bank)} files, {bank.seconds / 3600:.2f} h")


def main() -> None:
    """Run the packer; bad input gives one line on stderr and exit code 2."""
    run_function("train.corpus", pack)


if __name__ == "__main__":
    main()
