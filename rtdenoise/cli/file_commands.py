"""The commands that need no audio device: file, compare and info."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..command import one_line, say
from ..errors import RtdenoiseError
from . import options

if TYPE_CHECKING:
    from ..denoiser import Denoiser
    from ..files import TimeRange


def file(
    source: options.Source,
    target: options.Target,
    model: options.Model = None,
    provider: options.Provider = "auto",
    engine: options.EngineName = "auto",
    tf32: options.TF32 = False,
    mix: options.Mix = 1.0,
    limit_db: options.LimitDb = None,
    gain_db: options.GainDb = 0.0,
    force: options.Force = False,
    start: options.Start = None,
    end: options.End = None,
    track: options.Track = None,
    report: options.Report = None,
    ray: options.Ray = None,
    quiet: options.Quiet = False,
) -> None:
    """Denoise files. Length, sample rate, channels and format stay the same; - is a WAV pipe.

    The files of a folder, a quoted glob or @list.txt go into the folder OUT with the same tree.
    Existing files are skipped, and bad files are listed at the end.
    """
    from ..denoiser import Denoiser
    from ..files import STDOUT, WHOLE_FILE, TimeRange, is_batch, is_url, parse_time

    for name, path in (("IN", source), ("OUT", target)):
        if not path:
            raise RtdenoiseError(f"{name} is an empty name: give a file or a folder")
    time_range = TimeRange(parse_time(start, "--start") or 0.0, parse_time(end, "--end"))
    settings: dict[str, Any] = {
        "model": os.path.abspath(model) if model and os.path.isfile(model) else model,
        "provider": provider,
        "engine": engine,
        "tf32": tf32,
        "mix": mix,
        "attenuation_limit_db": limit_db,
        "gain_db": gain_db,
        "track": track,
    }
    if is_batch(Path(source)) or is_url(source) or is_url(target):
        if time_range != WHOLE_FILE:
            raise RtdenoiseError("--start and --end need a single file as IN")
        from ..batch import denoise_batch

        raise typer.Exit(denoise_batch(settings, source, target, force, report, quiet, ray))
    if report or ray:
        raise RtdenoiseError("--report and --ray need a folder, a glob, @list or a URL as IN")
    if target.endswith(os.sep) and not os.path.isdir(target):
        raise RtdenoiseError(f"{target} is a folder's name: give a file name for the output")
    denoiser = Denoiser(**settings)
    output = Path(target)
    if quiet or not sys.stderr.isatty():
        seconds = denoiser.file(source, output, force, time_range=time_range)
    else:
        seconds = _with_progress(denoiser, Path(source), output, force, time_range)
    if not quiet:
        model_used = f"{denoiser.card.name} on {denoiser.provider}"
        summary = f"{one_line(target)}: {seconds:.2f} s denoised by {model_used}"
        (say if output in STDOUT else print)(summary)


def compare(
    noisy: options.Noisy,
    denoised: options.Denoised,
    page: options.Page,
    clean: options.Clean = None,
    force: options.ForceReport = False,
) -> None:
    """Write an HTML page with spectrograms, levels and players of both recordings."""
    from ..compare import check_dependencies, write_comparison

    check_dependencies(clean is not None)
    print(write_comparison(noisy, denoised, page, clean, force))


def info(
    model: options.Model = None,
    provider: options.Provider = "auto",
    engine: options.EngineName = "auto",
) -> None:
    """Print the model card, the provider in use and the parts of the latency."""
    from ..inference import load_model

    loaded = load_model(model, engine, provider)
    card = loaded.card
    rows = [
        ("model", f"{card.name} {card.version}, {card.form} form"),
        ("file", str(loaded.path)),
        ("provider", loaded.provider),
        ("licence", card.licence),
        ("trained on", card.training_data or "not stated"),
        ("metrics", ", ".join(f"{k} {v}" for k, v in card.metrics.items()) or "not stated"),
        ("checkpoint", card.checkpoint_sha256 or "not stated"),
        ("context", f"{card.context / 48:.1f} ms of the past"),
        (
            "latency",
            f"hop {card.hop / 48:.1f} ms + look-ahead and window "
            f"{card.lookahead / 48:.1f} ms = {(card.hop + card.lookahead) / 48:.1f} ms",
        ),
    ]
    for name, text in rows:
        print(f"{name:<11} {text}")


def _with_progress(
    denoiser: Denoiser, source: Path, target: Path, force: bool, time_range: TimeRange
) -> float:
    """Denoise a file with a progress bar on stderr; return the seconds denoised."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(one_line(source.name), total=None)
        return denoiser.file(
            source,
            target,
            force,
            lambda done, total: bar.update(task, completed=done, total=total or None),
            time_range,
        )
