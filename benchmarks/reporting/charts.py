"""Charts of measurements, each with a line about the machine it was measured on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from .machine import sentence

PARTS = {"mixing": "#8d99ae", "loss": "#f4a259", "network_share": "#2a6f97"}


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG with a line about the machine, and close it."""
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    figure.text(0.01, 0.005, sentence(), fontsize=6, color="#555555")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_files(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the speed and the peak memory of each system over the length of a file."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.5))
    for name in dict.fromkeys(row["system"] for row in rows):
        mine = [row for row in rows if row["system"] == name and "rate" in row]
        width = 3 if name == "rtdenoise" else 1.2
        for axis, key in zip(axes, ("rate", "memory"), strict=True):
            seconds = [row["seconds"] for row in mine]
            axis.plot(seconds, [row[key] for row in mine], "o-", label=name, linewidth=width)
    for axis, what in zip(axes, ("x real time", "peak memory, MB"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="seconds of audio", ylabel=what)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    save(figure, path)


def draw_training(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the time of a training step for each network, and its parts."""
    figure, axis = plt.subplots(figsize=(8, 0.45 * len(rows) + 1.6))
    names = [f"{row['network']}: {row['rate']:.3g} audio-s/s" for row in rows]
    left = [0.0] * len(rows)
    for part, colour in PARTS.items():
        shares = [float(row[part].rstrip("%")) / 100 for row in rows]
        widths = [row["step_ms"] * share for row, share in zip(rows, shares, strict=True)]
        label = "network and optimiser" if part == "network_share" else part
        axis.barh(names, widths, left=left, color=colour, label=label)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axis.invert_yaxis()
    axis.set_xlabel("ms per step")
    axis.legend(fontsize=8)
    save(figure, path)
