"""python -m benchmarks NAME; without a name, the list of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from rtdenoise.command import run_command
from rtdenoise.inference import bundled_models

from .reporting import RESULTS

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
Quick = Annotated[bool, typer.Option("--quick", help="Short, to see that it runs.")]
OneModel = Annotated[str | None, typer.Option(help="A model; the bundled one by default.")]


@app.command()
def quality(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Holds clean/ and noisy/.")],
    model: Annotated[
        list[str] | None, typer.Option(help="Models to score; every bundled one by default.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where .json and .md go.")] = RESULTS / "quality",
    workers: Annotated[int, typer.Option(help="Processes that score.")] = os.cpu_count() or 1,
) -> None:
    """Print PESQ, ESTOI, SI-SDR, DNSMOS and LSD beside the peers'."""
    from .sound.quality import quality as measure

    names = model or sorted({name.rsplit("-", 1)[0] for name in bundled_models()})
    print(measure(folder, names, out, workers))


@app.command()
def spectrograms(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Holds clean/ and noisy/.")],
    clips: Annotated[str, typer.Option(help="Comma-separated names.")] = "03,10,20",
    model: OneModel = None,
    out: Annotated[Path, typer.Option(help="The PNG.")] = RESULTS / "spectrograms.png",
) -> None:
    """Draw noisy, denoised and clean spectrograms."""
    from .sound.spectrograms import spectrograms as draw

    draw(folder, clips.split(","), model, out)
    print(out)


@app.command()
def soak(
    recording: Annotated[Path, typer.Argument(metavar="NOISY.wav", help="48 kHz, mono.")] = Path(
        "examples/noisy.wav"
    ),
    minutes: Annotated[float, typer.Option(help="How long to run.")] = 60.0,
    hop_ms: Annotated[float, typer.Option(help="Milliseconds per step.")] = 20.0,
    drift_ppm: Annotated[float, typer.Option(help="Let the microphone's clock run fast.")] = 0.0,
    clean: Annotated[
        Path | None, typer.Option(metavar="CLEAN.wav", help="The recording without its noise.")
    ] = None,
    safety_ms: Annotated[float, typer.Option(help="As of `rtdenoise live`.")] = 0.0,
    keep: Annotated[
        Path | None, typer.Option(metavar="BOTH.raw", help="Keep what was recorded here.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where .json and .md go.")] = RESULTS / "soak",
    check: Annotated[bool, typer.Option("--check", help="Fail unless the sound is right.")] = False,
) -> None:
    """Run live for long on virtual devices and judge the audio."""
    from .live.soak import soak as measure

    print(measure(minutes, recording, hop_ms, drift_ppm, out, clean, safety_ms, keep, check))


@app.command()
def bakeoff(
    packed: Annotated[Path, typer.Argument(metavar="PACKED", help="Holds train/, validation/.")],
    clips: Annotated[Path, typer.Argument(metavar="EVAL", help="Holds clean/ and noisy/.")],
    minutes: Annotated[float, typer.Option(help="Training time of each network.")] = 12.0,
    folder: Annotated[Path, typer.Option(help="Checkpoints and logs.")] = Path(
        "checkpoints/bakeoff"
    ),
    out: Annotated[Path, typer.Option(help="Where .json and .md go.")] = RESULTS / "bakeoff",
) -> None:
    """Train several networks for equal minutes and score them alike."""
    from .sound.bakeoff import bakeoff as measure

    print(measure(packed, clips, folder, minutes, out))


@app.command()
def latency(
    model: OneModel = None,
    out: Annotated[Path, typer.Option(help="Where .json, .md, .png go.")] = RESULTS / "latency",
    minutes: Annotated[
        float, typer.Option(help="How long rolling segments must keep up at the end.")
    ] = 10.0,
    quick: Quick = False,
) -> None:
    """Time a hop of live audio: both engines, hot and paced, each provider present."""
    from .speed.latency import latency as measure

    seconds, endured = (0.3, 1.0) if quick else (10.0, 60 * minutes)
    print(measure(out, model, seconds, endured))


@app.command()
def throughput(
    model: OneModel = None,
    out: Annotated[Path, typer.Option(help="Where .json, .md, .png go.")] = RESULTS / "throughput",
    quick: Quick = False,
) -> None:
    """Audio-seconds per second by batch and length, the roofline, concurrent live streams."""
    from .speed.throughput import throughput as measure

    print(measure(out, model, quick))


@app.command()
def files(
    recording: Annotated[Path, typer.Argument(metavar="NOISY.wav", help="48 kHz, mono.")] = Path(
        "examples/noisy.wav"
    ),
    out: Annotated[Path, typer.Option(help="Where .json and .md go.")] = RESULTS / "files",
    quick: Quick = False,
) -> None:
    """Whole-process time and peak memory for 10 s, 10 min and 2 h, beside peers."""
    from .speed.files import files as measure

    print(measure(recording, out, quick))


@app.command()
def diagnose(
    packed: Annotated[Path, typer.Argument(metavar="PACKED", help="Holds train/, validation/.")],
    checkpoint: Annotated[Path, typer.Option(help="Of `python -m train`.")] = Path(
        "train/state/default.pth"
    ),
    out: Annotated[Path, typer.Option(help="Where .json and .md go.")] = RESULTS / "diagnose",
    batches: Annotated[int, typer.Option(help="Of eight clips, of each kind of mixture.")] = 6,
) -> None:
    """Score a network beside DeepFilterNet 3 on mixtures of the corpus: where does it lose?"""
    from .sound.diagnose import diagnose as measure

    print(measure(packed, checkpoint, out, batches))


@app.command()
def training(
    packed: Annotated[
        Path | None, typer.Argument(metavar="[PACKED]", help="A packed corpus.")
    ] = None,
    network: Annotated[list[str] | None, typer.Option(help="Networks to time.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    out: Annotated[Path, typer.Option(help="Where .json and .md go.")] = RESULTS / "training",
    quick: Quick = False,
) -> None:
    """Audio-seconds per second of training and the share of time outside the network."""
    from .speed.training import training as measure

    names = network or (["default"] if quick else ["default", "recurrent", "unet", "baseline"])
    print(measure(packed, out, names, 2 if quick else 20, device))


@app.command()
def precision(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT.pth")],
    clips: Annotated[Path, typer.Argument(metavar="EVAL", help="Holds clean/ and noisy/.")],
    out: Annotated[Path, typer.Option(help="Where .json and .md go.")] = RESULTS / "precision",
    quick: Quick = False,
) -> None:
    """Compare fp32, fp16, int8 and opsets: size, time, quality."""
    from .sound.precision import precision as measure

    print(measure(checkpoint, clips, out, 1 if quick else 15))


@app.command()
def readme(
    path: Annotated[Path, typer.Argument(metavar="README.md")] = Path("README.md"),
) -> None:
    """Write the tables of the README from the result files."""
    from .readme import readme as write

    print(write(path))


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_command("benchmarks", app)


if __name__ == "__main__":
    main()
