"""Plots of a training run: losses, and spectrograms before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

from .data import Batch

matplotlib.use("Agg")


def draw_losses(history: list[tuple[int, float, float]], path: Path) -> None:
    """Draw training and validation loss over the steps."""
    import matplotlib.pyplot as plt

    steps, train, validation = zip(*history, strict=True)
    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    axis.plot(steps, train, label="training")
    axis.plot(steps, validation, label="validation")
    axis.set(xlabel="step", ylabel="loss")
    axis.legend()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_spectrograms(batch: Batch, estimate: Tensor, path: Path, count: int = 3) -> None:
    """Draw noisy, denoised and clean spectrograms of the first clips [batch, 1, samples]."""
    import matplotlib.pyplot as plt

    count = min(count, len(batch.noisy))
    figure, axes = plt.subplots(
        count, 3, figsize=(12, 2.6 * count), squeeze=False, layout="constrained"
    )
    for row, clips in zip(axes, zip(batch.noisy, estimate, batch.clean, strict=True), strict=False):
        for axis, name, clip in zip(row, ("noisy", "denoised", "clean"), clips, strict=True):
            spectrogram(axis, clip[0].cpu(), name)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def spectrogram(axis: Any, audio: Tensor, title: str) -> None:
    """Draw the spectrogram of audio [samples] on a matplotlib axis."""
    window = torch.hann_window(1024)
    spectrum = torch.stft(audio, 1024, 512, window=window, return_complex=True)
    level = 20 * torch.log10(spectrum.abs() + 1e-5)
    extent = (0, len(audio) / SAMPLE_RATE, 0, SAMPLE_RATE / 2000)
    axis.imshow(level, origin="lower", aspect="auto", extent=extent, vmin=-70, vmax=20)
    axis.set(title=title, xlabel="s", ylabel="kHz")
