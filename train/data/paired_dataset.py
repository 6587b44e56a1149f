"""Paired recordings: `gt_audio/` clean, `gl_audio/` noisy, made where it is missing."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import soundfile as sf
import torch
import torchaudio.functional as AF
from torch import Tensor
from torch.utils.data import Dataset

from rtdenoise.constants import SAMPLE_RATE, SEGMENT
from rtdenoise.errors import RtdenoiseError

from .batches import Batch


def generate_noisy(clean: Path, noisy: Path, snr_db: float = 10.0) -> None:
    """Write `noisy_<name>.wav` for every clean file that lacks one: Gaussian noise at an SNR.

    The noise is seeded by the file's name, so the same folder gives the same noisy files.
    """
    noisy.mkdir(parents=True, exist_ok=True)
    for path in _clean_files(clean):
        target = noisy / f"noisy_{path.name}"
        if target.exists():
            continue
        audio, rate = sf.read(path, dtype="float32", always_2d=True)
        level = np.sqrt(np.mean(audio**2)) * 10 ** (-snr_db / 20)
        noise = np.random.default_rng(zlib.crc32(path.name.encode())).standard_normal(audio.shape)
        part = target.with_suffix(".part")
        sf.write(part, audio + level * noise, rate, format="WAV", subtype="FLOAT")
        part.replace(target)


class AudioDataset(Dataset[tuple[Tensor, Tensor]]):
    """Pairs of (noisy, clean) segments [1, segment], one after the other; the last one padded."""

    def __init__(self, clean: Path, noisy: Path, segment: int = SEGMENT) -> None:
        self.segment = segment
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self._index: list[tuple[int, int]] = []
        for path in _clean_files(clean):
            other = noisy / f"noisy_{path.name}"
            if not other.is_file():
                raise RtdenoiseError(f"{other} is missing: delete {noisy} to have it made again")
            target, source = load_mono(path), load_mono(other)
            length = min(len(target), len(source))
            self._index += [(len(self._pairs), i) for i in range(0, length, segment)]
            self._pairs.append((source[:length], target[:length]))

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        file, start = self._index[item]
        noisy, clean = (
            _pad(x[start : start + self.segment], self.segment) for x in self._pairs[file]
        )
        return noisy[None], clean[None]


class PairedBatches:
    """Batches of an AudioDataset, shuffled anew each epoch; a pure function of (seed, step)."""

    def __init__(
        self, dataset: AudioDataset, items: list[int], size: int, seed: int, device: str
    ) -> None:
        self.dataset, self.items, self.size = dataset, items, min(size, len(items))
        self.seed, self.device = seed, device
        self.steps_per_epoch = max(1, -(-len(items) // self.size))

    def batch(self, step: int) -> Batch:
        """Return the batch of a step."""
        epoch, position = divmod(step, self.steps_per_epoch)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = torch.randperm(len(self.items), generator=generator)
        picked = order[position * self.size : (position + 1) * self.size]
        pairs = [self.dataset[self.items[i]] for i in picked.tolist()]
        noisy, clean = (torch.stack(side).to(self.device) for side in zip(*pairs, strict=True))
        return Batch(noisy, clean)


def load_mono(path: Path) -> Tensor:
    """Read a recording as float32 mono [samples] at 48 kHz."""
    audio, rate = sf.read(path, dtype="float32", always_2d=True)
    mono = torch.from_numpy(np.nan_to_num(audio.mean(axis=1)))
    return mono if rate == SAMPLE_RATE else AF.resample(mono, rate, SAMPLE_RATE)


def split(count: int, share: float = 0.1, seed: int = 0) -> tuple[list[int], list[int]]:
    """Split item numbers into training and validation; with one item, it is both."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    held = max(1, round(share * count))
    return (order[held:] or order), order[:held]


def _clean_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.wav")) if folder.is_dir() else []
    if not files:
        raise RtdenoiseError(
            f"no .wav files in {folder}/: put clean 48 kHz mono recordings there, or give --clean"
        )
    return files


def _pad(x: Tensor, length: int) -> Tensor:
    return torch.nn.functional.pad(x, (0, length - len(x)))
