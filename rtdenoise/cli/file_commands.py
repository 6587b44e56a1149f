"""The commands that need no audio device: file, compare and info."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import RtdenoiseError
from . import options


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
    report: options.Report = None,
    ray: options.Ray = None,
    quiet: options.Quiet = False,
) -> None:
    """Denoise recordings: the same length, rate, channels and sample format; - is a WAV pipe.

    A folder, a quoted glob or @list.txt goes into the folder OUT with its tree kept; what is there
    already is skipped, a bad file is listed at the end.
    """
    from ..batch import is_batch, is_url
    from ..denoiser import Denoiser
    from ..files import PIPE, WHOLE, Span, seconds

    span = Span(seconds(start, "--start") or 0.0, seconds(end, "--end"))
    settings: dict[str, Any] = {
        "model": os.path.abspath(model) if model and os.path.isfile(model) else model,
        "provider": provider,
        "engine": engine,
        "tf32": tf32,
        "mix": mix,
        "attenuation_limit_db": limit_db,
        "gain_db": gain_db,
    }
    if is_batch(Path(source)) or is_url(source) or is_url(target):
        if span != WHOLE:
            raise RtdenoiseError("--start and --end are for a single recording as IN")
        from ..batch import denoise_all

        raise typer.Exit(denoise_all(settings, source, target, force, report, quiet, ray))
    if report or ray:
        raise RtdenoiseError("--report and --ray are for a folder, a glob or @list as IN")
    denoiser = Denoiser(**settings)
    output = Path(target)
    if quiet or not sys.stderr.isatty():
        done = denoiser.file(source, output, force, span=span)
    else:
        done = _with_progress(denoiser, Path(source), output, force, span)
    if not quiet:
        said = f"{target}: {done:.2f} s denoised by {denoiser.card.name} on {denoiser.provider}"
        print(said, file=sys.stderr if output == PIPE else sys.stdout)


def compare(
    noisy: Annotated[Path, typer.Argument(metavar="NOISY")],
    denoised: Annotated[Path, typer.Argument(metavar="DENOISED")],
    page: Annotated[Path, typer.Argument(metavar="REPORT.html")],
    clean: options.Clean = None,
    force: options.ForceReport = False,
) -> None:
    """Write a page with spectrograms, levels and players of both recordings."""
    from ..compare import compare as write
    from ..compare import import_extras

    import_extras(clean is not None)
    print(write(noisy, denoised, page, clean, force))


def info(
    model: options.Model = None,
    provider: options.Provider = "auto",
    engine: options.EngineName = "auto",
) -> None:
    """Print the model's card, the provider really held, and the latency part by part."""
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


def _with_progress(denoiser, source: Path, target: Path, force: bool, span) -> float:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(source.name, total=None)
        return denoiser.file(
            source,
            target,
            force,
            lambda done, total: bar.update(task, completed=done, total=total or None),
            span,
        )
