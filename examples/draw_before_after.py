"""Draw the README's picture: spectrograms of a recording before and after denoising.

    python examples/draw_before_after.py [NOISY.wav] [PICTURE.png]   (pip install '.[compare]')

Both panels share one colour scale: decibels below the loudest bin of the noisy recording.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np
import soundfile as sf
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from rtdenoise import Denoiser

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # the back end must be chosen first

ROOT = Path(__file__).parents[1]
WINDOW, HOP = 2048, 768  # samples
COLOURS = 64  # of the PNG; more make it larger and look the same
RANGE_DB = 80.0  # what lies further below the loudest bin is drawn black
HIGHEST_KHZ = 12.0  # the example's voice ends at 11 kHz


def levels_db(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the magnitude spectrogram of audio [samples] in dB, [frequencies, frames]."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, WINDOW)[::HOP]
    magnitudes = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)).T
    return 20 * np.log10(magnitudes + 1e-9)


def draw(noisy: NDArray[np.float32], clean: NDArray[np.float32], rate: int, path: Path) -> None:
    """Write a PNG that shows `noisy` above `clean` (both [samples] at `rate` Hz)."""
    figure, axes = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
    loudest = levels_db(noisy).max()
    panels = {"Before: voice, fan, mains hum and keyboard": noisy, "After: rtdenoise": clean}
    for axis, (title, audio) in zip(axes, panels.items(), strict=True):
        image = axis.imshow(
            levels_db(audio) - loudest,
            origin="lower",
            aspect="auto",
            extent=(0, len(audio) / rate, 0, rate / 2000),
            vmin=-RANGE_DB,
            vmax=0,
            cmap="magma",
        )
        axis.set(title=title, ylabel="frequency, kHz", ylim=(0, HIGHEST_KHZ))
    axes[-1].set_xlabel("time, seconds")
    figure.colorbar(image, ax=axes, label="level, dB")
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a small PNG, and close it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.set_dpi(90)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    Image.fromarray(pixels).quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    plt.close(figure)


def main() -> None:
    """Denoise the recording and draw both."""
    source, target = ROOT / "examples/noisy.wav", ROOT / "docs/images/before-after.png"
    given = [Path(argument) for argument in sys.argv[1:]]
    source, target = [*given, *(source, target)[len(given) :]]
    noisy, rate = sf.read(source, dtype="float32")
    if noisy.ndim > 1:
        sys.exit(f"{source} has several channels: this example draws mono recordings")
    draw(noisy, Denoiser(provider="cpu")(noisy, rate), rate, target)
    print(target)


if __name__ == "__main__":
    main()
