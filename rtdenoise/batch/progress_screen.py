"""`rtdenoise file` on many files: overall and per-file progress, a summary, an exit code."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..denoiser import Denoiser
from .folders import Row, plan, run, write_report
from .remote_files import denoise_row, is_url, plan_urls

Show = Callable[[Row, int, int], None]


def denoise_all(
    settings: dict[str, Any],
    source: str,
    target: str,
    force: bool,
    report: Path | None,
    quiet: bool,
    ray: str | None = None,
) -> int:
    """Denoise all of `source` into the folder `target`; return the exit code, 1 if any failed.

    `settings` make the Denoiser; `ray` is a cluster's address, None for this machine alone.
    """
    denoiser = Denoiser(**settings)  # even with a cluster: a bad setting is told at once
    urls = is_url(source) or is_url(target)
    rows = plan_urls(source, target) if urls else plan(Path(source), Path(target))
    try:
        with _progress(rows, quiet) as show:
            if ray:
                from . import ray_cluster as cluster

                cluster.run(ray, settings, rows, force, lambda row: show and show(row, 1, 1))
            elif urls:
                for row in rows:
                    denoise_row(denoiser, row, force)
                    if show:
                        show(row, 1, 1)
            else:
                run(denoiser, rows, force, show)
    finally:  # an interrupted run has a report too
        if report:
            write_report(report, rows)
    _summarise(rows, quiet)
    return int(any(row.error for row in rows))


@contextmanager
def _progress(rows: list[Row], quiet: bool) -> Iterator[Show | None]:
    """Two bars in a terminal: all files with the time left, and the present one."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%"))
    sizes = {row.file: _size(row) for row in rows}
    done_of: dict[str, float] = {}
    with Progress(*columns, TimeLeft(), console=Console(stderr=True), transient=True) as bars:
        whole = bars.add_task(f"{len(rows)} files", total=sum(sizes.values()))
        single = bars.add_task("", total=None)

        def show(row: Row, done: int, total: int) -> None:
            bars.update(single, description=Path(row.file).name, completed=done, total=total)
            part = sizes[row.file] * min(1.0, done / max(total, 1))
            bars.advance(whole, part - done_of.get(row.file, 0.0))
            done_of[row.file] = part

        yield show


def _size(row: Row) -> int:
    """Bytes of a file here; all files at URLs count alike."""
    path = Path(row.file)
    return path.stat().st_size if not is_url(row.file) and path.exists() else 1


def _summarise(rows: list[Row], quiet: bool) -> None:
    for row in rows:
        if row.warning:
            print(f"rtdenoise: warning: {row.warning}", file=sys.stderr)
    for row in rows:
        if row.error:
            print(f"rtdenoise: {row.error}", file=sys.stderr)
    if not quiet:
        count = Counter(row.status for row in rows)
        seconds = sum(row.seconds for row in rows)
        print(
            f"{count['done']} denoised ({seconds:.1f} s), {count['skipped']} there already, "
            f"{count['failed']} failed"
        )
