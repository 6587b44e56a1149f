"""Commands that run live audio for long."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..reporting import RESULTS
from .options import MEASUREMENT, Noisy, Tables, input_file, number, output_file


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
        input_file(
            "The recording without its noise, of the same length, for SI-SDR.",
            metavar="CLEAN.wav",
        ),
    ] = None,
    safety_ms: Annotated[
        float, number("Extra buffering in milliseconds, as of `rtdenoise live`.", min=0.0)
    ] = 0.0,
    keep: Annotated[
        Path | None,
        output_file(
            "Keep microphone and speaker here, as raw float32 stereo at 48 kHz.",
            metavar="BOTH.raw",
        ),
    ] = None,
    out: Annotated[Path, Tables] = RESULTS / "soak",
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Fail unless the sound is right, latency is steady and no device was lost.",
            rich_help_panel=MEASUREMENT,
        ),
    ] = False,
) -> None:
    """Run live audio for long on virtual devices and compare it with the file path."""
    from ..live.soak import soak as measure

    print(measure(minutes, recording, hop_ms, drift_ppm, out, clean, safety_ms, keep, check))


def browser(
    recording: Noisy = Path("examples/noisy.wav"),
    minutes: Annotated[float, number("Minutes to run.", min=0.1)] = 10.0,
    out: Annotated[Path, Tables] = RESULTS / "browser",
    check: Annotated[
        bool,
        typer.Option("--check", help="Fail if there was a dropout.", rich_help_panel=MEASUREMENT),
    ] = False,
) -> None:
    """Run the microphone of `rtdenoise app` in Chromium: dropouts, time per hop, latency."""
    from ..live.browser import measure_browser

    print(measure_browser(minutes, recording, out, check))
