"""The command line: rtdenoise file | live | compare | devices | latency | info."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from .command import run_command
from .commands_live import devices, latency, live
from .errors import RtdenoiseError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Speech denoising at 48 kHz.",
    pretty_exceptions_enable=False,
)
app.command()(live)
app.command()(devices)
app.command()(latency)

Model = Annotated[str | None, typer.Option(help="An .onnx file or the name of a bundled model.")]
Provider = Annotated[str, typer.Option(help="auto, cuda or cpu.")]
EngineName = Annotated[str, typer.Option(help="auto, segment or stream.")]
TF32 = Annotated[bool, typer.Option("--tf32", help="CUDA: faster products, to 10 bits.")]


@app.command()
def file(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="A recording, folder, 'glob*', @list or URL.")
    ],
    target: Annotated[str, typer.Argument(metavar="OUT", help="Where the denoised go.")],
    model: Model = None,
    provider: Provider = "auto",
    engine: EngineName = "auto",
    tf32: TF32 = False,
    mix: Annotated[float, typer.Option(help="0 leaves the recording as it is, 1 denoises.")] = 1.0,
    limit_db: Annotated[
        float | None, typer.Option(help="Remove at most so many dB of noise.")
    ] = None,
    gain_db: Annotated[float, typer.Option(help="Output gain in dB.")] = 0.0,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")] = False,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="Keep what follows: seconds or [h:]m:s.")
    ] = None,
    end: Annotated[str | None, typer.Option(metavar="TIME", help="... up to here.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="A .csv or .json of what became of each file.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="[ADDRESS]", help="Spread a folder over a Ray cluster; or local."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Denoise recordings: the same length, rate, channels and sample format; - is a WAV pipe.

    A folder, a quoted glob or @list.txt goes into the folder OUT with its tree kept; what is there
    already is skipped, a bad file is listed at the end.
    """
    from .audiofile import PIPE
    from .denoiser import Denoiser
    from .folders import is_batch
    from .remote import is_url
    from .span import WHOLE, Span, seconds

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
        from .batch_screen import denoise_all

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


@app.command()
def compare(
    noisy: Annotated[Path, typer.Argument(metavar="NOISY")],
    denoised: Annotated[Path, typer.Argument(metavar="DENOISED")],
    page: Annotated[Path, typer.Argument(metavar="REPORT.html")],
    clean: Annotated[
        Path | None, typer.Option(help="The recording without noise: adds metrics.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the report.")] = False,
) -> None:
    """Write a page with spectrograms, levels and players of both recordings."""
    from .compare import compare as write
    from .compare import import_extras

    import_extras(clean is not None)
    print(write(noisy, denoised, page, clean, force))


@app.command()
def info(model: Model = None, provider: Provider = "auto", engine: EngineName = "auto") -> None:
    """Print the model's card, the provider really held, and the latency part by part."""
    from .session import load_model

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


def _with_address(arguments: list[str]) -> list[str]:
    """Let --ray stand without an address, before another option or at the end: the cluster here."""
    if "--ray" in arguments:
        after = arguments.index("--ray") + 1
        if after == len(arguments) or arguments[after].startswith("-"):
            return [*arguments[:after], "auto", *arguments[after:]]
    return arguments


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    warnings.showwarning = lambda message, *_, **__: print(
        f"rtdenoise: warning: {message}", file=sys.stderr
    )
    run_command("rtdenoise", lambda: app(_with_address(sys.argv[1:])))


if __name__ == "__main__":
    main()
