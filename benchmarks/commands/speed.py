"""Commands that measure how fast rtdenoise is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtdenoise.command import one_of

from ..reporting import RESULTS
from .options import (
    INPUT,
    MEASUREMENT,
    Noisy,
    OneModel,
    Quick,
    Tables,
    TablesAndChart,
    number,
    output_folder,
    packed_corpus,
)

GPU_STEPS = "card tests recording latency throughput streams files live".split()
NETWORKS = ("default", "recurrent", "unet", "baseline")  # without importing torch for --help


def latency(
    model: OneModel = None,
    out: Annotated[Path, TablesAndChart] = RESULTS / "latency",
    minutes: Annotated[
        float, number("Minutes for which rolling segments must keep up at the end.", min=0.0)
    ] = 10.0,
    quick: Quick = False,
) -> None:
    """Time a hop of live audio: both engines, hot and paced, on each provider present."""
    from ..speed.latency import latency as measure

    seconds, endured = (0.3, 1.0) if quick else (10.0, 60 * minutes)
    print(measure(out, model, seconds, endured))


def throughput(
    model: OneModel = None,
    out: Annotated[Path, TablesAndChart] = RESULTS / "throughput",
    quick: Quick = False,
) -> None:
    """Measure throughput by batch size and length, the roofline, and concurrent live streams."""
    from ..speed.throughput import throughput as measure

    print(measure(out, model, quick))


def gpu_check(
    out: Annotated[Path, output_folder("Folder for gpu_check.json, .md and .log.")] = Path(
        "gpu-check"
    ),
    provider: Annotated[
        str,
        typer.Option(
            help="cuda, or cpu to try the steps shortly without a GPU.",
            callback=one_of("cuda", "cpu"),
            rich_help_panel=MEASUREMENT,
        ),
    ] = "cuda",
    seconds: Annotated[
        float | None, number("Seconds for all steps together; 240 with cuda.", min=10)
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="A step to run; repeat for several.",
            callback=one_of(*GPU_STEPS),
            rich_help_panel=MEASUREMENT,
        ),
    ] = None,
    step: Annotated[
        str | None,
        typer.Option(
            help="Run this step in this process, as the check itself does for each step.",
            callback=one_of(*GPU_STEPS),
            rich_help_panel=MEASUREMENT,
        ),
    ] = None,
) -> None:
    """Check and measure everything that needs a GPU; benchmarks/gpu_check.sh runs this."""
    from ..speed.gpu_check import gpu_check as measure
    from ..speed.gpu_check import run_step

    if step:
        run_step(step, provider)
    else:
        print(measure(out, provider, seconds, only))


def stream(
    model: OneModel = None,
    out: Annotated[Path, Tables] = RESULTS / "stream",
    seconds: Annotated[float, number("Seconds of audio for each kind of stream.", min=2)] = 60.0,
    blocks: Annotated[
        int, number("Random blocks to compare with one pass; 0 compares none.", min=0)
    ] = 100_000,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Fail if float32 at 48 kHz costs 10 % more than the engine, or a sample is wrong.",
            rich_help_panel=MEASUREMENT,
        ),
    ] = False,
    quick: Quick = False,
) -> None:
    """Measure what a chunk of `Denoiser.stream` costs; compare random blocks with one pass."""
    from ..speed.stream import stream as measure

    if quick:
        seconds, blocks = 2, 600
    print(measure(out, model, seconds, blocks, check))


def files(
    recording: Noisy = Path("examples/noisy.wav"),
    out: Annotated[Path, TablesAndChart] = RESULTS / "files",
    quick: Quick = False,
) -> None:
    """Measure time and peak memory for files of 1 s to 2 h, beside other denoisers."""
    from ..speed.files import files as measure

    print(measure(recording, out, quick))


def training(
    packed: Annotated[
        Path | None, packed_corpus("train/; without it, synthetic sounds", "[PACKED]")
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
        str, typer.Option(help="cpu, cuda or cuda:N.", rich_help_panel=MEASUREMENT)
    ] = "cpu",
    out: Annotated[Path, TablesAndChart] = RESULTS / "training",
    quick: Quick = False,
) -> None:
    """Measure audio-seconds trained on per second, and the shares of a step's time."""
    from train.device import check_device

    from ..speed.training import training as measure

    check_device(device)
    names = network or (["default"] if quick else list(NETWORKS))
    print(measure(packed, out, names, 2 if quick else 20, device))
