"""Draw the pictures of docs/how-it-works.md: the way of a sample, a time line, and the gain.

    python examples/draw_how_it_works.py [FOLDER]   (pip install '.[compare]')

The gain is measured: the level of the denoised example above that of the noisy one, in each window.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np
import soundfile as sf
from draw_before_after import HIGHEST_KHZ, RANGE_DB, levels_db, save
from matplotlib.axes import Axes

from rtdenoise import Denoiser

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # the back end must be chosen first

ROOT = Path(__file__).parents[1]
SPEECH, QUIET, DARK = "#00897b", "#b2dfdb", "#263238"
LIVE = (
    "microphone",
    "ring buffer",
    "processor",
    "engine",
    "network\n(ONNX)",
    "ring buffer",
    "speaker",
)
FILE = ("file", "block reader", None, None, None, "atomic writer", "file")


def box(axis: Axes, x: float, y: float, text: str, colour: str = QUIET) -> None:
    """Draw a box with text around x, y."""
    shape = plt.Rectangle((x - 0.44, y - 0.3), 0.88, 0.6, facecolor=colour, edgecolor=DARK)
    axis.add_patch(shape)
    white = colour == SPEECH
    axis.text(x, y, text, ha="center", va="center", fontsize=9, color="white" if white else DARK)


def arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow."""
    axis.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": DARK, "lw": 1.2})


def draw_signal_path(path: Path) -> None:
    """Write a picture of the rooms that a sample passes, live and from a file."""
    figure, axis = plt.subplots(figsize=(9, 2.6), layout="constrained")
    for x, (live, file) in enumerate(zip(LIVE, FILE, strict=True)):
        if file is None:
            box(axis, x, 0, live, SPEECH)
        else:
            box(axis, x, 0.55, live)
            box(axis, x, -0.55, file)
    for y in (0.55, -0.55):
        for x in (0, 5):
            arrow(axis, (x + 0.44, y), (x + 0.56, y))
        arrow(axis, (1.44, y), (1.56, y / 4))
        arrow(axis, (4.44, y / 4), (4.56, y))
    for x in (2, 3):
        arrow(axis, (x + 0.44, 0), (x + 0.56, 0))
    axis.text(3, -0.75, "the same for live audio and files", ha="center", fontsize=9, color=DARK)
    axis.set(xlim=(-0.5, 6.5), ylim=(-1, 1))
    axis.axis("off")
    save(figure, path)


def draw_time_line(denoiser: Denoiser, path: Path) -> None:
    """Write a picture of the context, the hop and the look-ahead of the model, in ms."""
    card = denoiser.card
    context, hop, ahead = (n / 48 for n in (card.context, card.hop, card.lookahead))
    shown = 60.0  # ms of the past; the rest of the context is cut off
    figure, axis = plt.subplots(figsize=(9, 2.6), layout="constrained")
    parts = {
        f"context: {context:.0f} ms of the past": (-shown, shown, QUIET),
        f"hop\n{hop:.0f} ms": (0.0, hop, SPEECH),
        f"window\n{ahead:.0f} ms": (hop, ahead, "#ffcc80"),
    }
    for text, (start, length, colour) in parts.items():
        axis.barh(0, length, left=start, height=0.5, color=colour, edgecolor=DARK)
        shade = "white" if colour == SPEECH else DARK
        axis.text(start + length / 2, 0, text, ha="center", va="center", fontsize=9, color=shade)
    axis.text(-shown - 1, 0, "...", ha="right", va="center", color=DARK)
    end = hop + ahead
    arrow(axis, (end, 0.75), (end, 0.28))
    axis.text(end, 0.8, "now: the hop is computed and played", ha="center", fontsize=9, color=DARK)
    axis.annotate("", (end, -0.4), (0, -0.4), arrowprops={"arrowstyle": "<->", "color": DARK})
    text = f"algorithmic latency {end:.0f} ms"
    axis.text(end / 2, -0.6, text, ha="center", fontsize=9, color=DARK)
    axis.set(xlim=(-shown - 6, end + 22), ylim=(-0.8, 1), xlabel="time, ms", yticks=[])
    for side in ("left", "right", "top"):
        axis.spines[side].set_visible(False)
    save(figure, path)


def draw_mask(denoiser: Denoiser, path: Path) -> None:
    """Write a picture of the noisy example, the gain of the network, and the result."""
    noisy, rate = sf.read(ROOT / "examples/noisy.wav", dtype="float32")
    before, after = levels_db(noisy), levels_db(denoiser(noisy, rate))
    loudest = before.max()
    panels = {
        "What comes in": (before - loudest, "magma", -RANGE_DB, "level, dB"),
        "What the network does": (np.clip(after - before, -40, 0), "viridis", -40, "gain, dB"),
        "What comes out": (after - loudest, "magma", -RANGE_DB, "level, dB"),
    }
    figure, axes = plt.subplots(3, 1, figsize=(9, 7), sharex=True, layout="constrained")
    for axis, (title, (image, colours, lowest, label)) in zip(axes, panels.items(), strict=True):
        drawn = axis.imshow(
            image,
            origin="lower",
            aspect="auto",
            extent=(0, len(noisy) / rate, 0, rate / 2000),
            vmin=lowest,
            vmax=0,
            cmap=colours,
        )
        axis.set(title=title, ylabel="frequency, kHz", ylim=(0, HIGHEST_KHZ))
        figure.colorbar(drawn, ax=axis, label=label)
    axes[-1].set_xlabel("time, seconds")
    save(figure, path)


def main() -> None:
    """Draw all pictures into a folder."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images"
    folder.mkdir(parents=True, exist_ok=True)
    denoiser = Denoiser(provider="cpu")
    draw_signal_path(folder / "signal-path.png")
    draw_time_line(denoiser, folder / "time-line.png")
    draw_mask(denoiser, folder / "mask.png")
    print(folder)


if __name__ == "__main__":
    main()
