"""Write examples of the training clips, to listen to and to look at.

    python -m train.examples packed/train degraded --count 20

writes 00-noisy.wav, 00-clean.wav, 00.png (both spectrograms, bandwidth and SI-SDR) and so on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import soundfile as sf
import typer

from rtdenoise.command import finite, run_function, writable
from rtdenoise.compare import si_sdr
from rtdenoise.constants import SAMPLE_RATE

from .data import Batch, Corpus
from .mixing import Degrader
from .plots import spectrogram

CLIPS = "Clips"  # heading in the help


def examples(
    packed: Annotated[
        Path,
        typer.Argument(
            metavar="PACKED",
            help="Packed corpus, such as its train/ folder.",
            exists=True,
            file_okay=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Folder for the audio files and spectrograms.",
            file_okay=False,
            callback=writable,
        ),
    ],
    count: Annotated[int, typer.Option(min=1, help="Number of clips.", rich_help_panel=CLIPS)] = 20,
    seconds: Annotated[
        float,
        typer.Option(
            min=0.5,
            help="Length of each clip in seconds.",
            callback=finite,
            rich_help_panel=CLIPS,
        ),
    ] = 4.0,
    seed: Annotated[
        int,
        typer.Option(
            min=0, help="Random seed; another seed gives other clips.", rich_help_panel=CLIPS
        ),
    ] = 0,
) -> None:
    """Degrade clips as training does, and write them with their spectrograms."""
    out.mkdir(parents=True, exist_ok=True)
    source = Degrader(Corpus.load(packed), count, round(seconds * SAMPLE_RATE), seed)
    batch = source.batch(0)
    for i in range(count):
        for name in ("noisy", "clean"):
            audio = getattr(batch, name)[i, 0].numpy()
            sf.write(out / f"{i:02d}-{name}.wav", audio, SAMPLE_RATE, "PCM_24")
        _draw(batch, i, out / f"{i:02d}.png")
    print(f"{out}: {count} clips of {seconds:g} s, noisy and clean, with spectrograms")


def _draw(batch: Batch, i: int, path: Path) -> None:
    import matplotlib.pyplot as plt

    noisy, clean = batch.noisy[i, 0], batch.clean[i, 0]
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.5), layout="constrained")
    for axis, name, audio in zip(axes, ("noisy", "clean"), (noisy, clean), strict=True):
        level = 10 * float(audio.square().mean().clamp(min=1e-10).log10())
        spectrogram(axis, audio, f"{name}, {level:.0f} dBFS")
    assert batch.bandwidth is not None
    title = f"target known up to {batch.bandwidth[i] / 1000:.1f} kHz"
    if clean.any():
        title = f"SI-SDR {si_sdr(clean.numpy(), noisy.numpy()):.1f} dB; {title}"
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("train.examples", examples)


if __name__ == "__main__":
    main()
