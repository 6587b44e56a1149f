"""Draws spectrograms of clips: noisy, denoised and clean."""

from __future__ import annotations

from pathlib import Path

import torch

from rtdenoise import Denoiser, RtdenoiseError
from train.data import Batch
from train.plots import draw_spectrograms

from .quality import RATE, load_clips


def spectrograms(folder: Path, names: list[str], model: str | None, out: Path) -> None:
    """Draw the named clips of folder/clean and folder/noisy into `out` (a PNG)."""
    clips = {name: (clean, noisy) for name, clean, noisy in load_clips(folder)}
    missing = [name for name in names if name not in clips]
    if missing:
        raise RtdenoiseError(f"{folder} has no clip {missing[0]!r}: choose among {sorted(clips)}")
    denoiser = Denoiser(model, provider="cpu")
    clean = torch.stack([torch.from_numpy(clips[name][0])[None] for name in names])
    noisy = torch.stack([torch.from_numpy(clips[name][1])[None] for name in names])
    estimate = torch.stack(
        [torch.from_numpy(denoiser(clips[name][1], RATE))[None] for name in names]
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    draw_spectrograms(Batch(noisy, clean), estimate, out, count=len(names))
