"""`rtdenoise file` on many files: overall and per-file progress, a summary, an exit code."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

from .denoiser import Denoiser
from .folders import Row, plan, run, write_report

Show = Callable[[Row, int, int], None]


def denoise_all(
    denoiser: Denoiser, source: Path, target: Path, force: bool, report: Path | None, quiet: bool
) -> int:
    """Denoise all of `source` into the folder `target`; return the exit code, 1 if any failed."""
    rows = plan(source, target)
    try:
        with _progress(rows, quiet) as show:
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
    sizes = [_size(row) for row in rows]
    starts = dict(zip((row.file for row in rows), accumulate(sizes, initial=0), strict=False))
    with Progress(*columns, TimeLeft(), console=Console(stderr=True), transient=True) as bars:
        whole = bars.add_task(f"{len(rows)} files", total=sum(sizes) or 1)
        single = bars.add_task("", total=None)

        def show(row: Row, done: int, total: int) -> None:
            bars.update(single, description=Path(row.file).name, completed=done, total=total)
            part = _size(row) * min(1.0, done / max(total, 1))
            bars.update(whole, completed=starts[row.file] + part)

        yield show


def _size(row: Row) -> int:
    path = Path(row.file)
    return path.stat().st_size if path.exists() else 0


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
