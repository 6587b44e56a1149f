"""What `rtdenoise file` shows on many files: progress bars, then a summary."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..files import is_url
from .folders import FileTask

ShowProgress = Callable[[FileTask, int, int], None]  # task, frames done, frames in total


@contextmanager
def progress_bars(tasks: list[FileTask], quiet: bool) -> Iterator[ShowProgress | None]:
    """Show two bars in a terminal, for all files and for the current one; else yield None."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%"))
    sizes = {task.file: _size(task) for task in tasks}
    done_by_file: dict[str, float] = {}
    with Progress(*columns, TimeLeft(), console=Console(stderr=True), transient=True) as bars:
        all_files = bars.add_task(f"{len(tasks)} files", total=sum(sizes.values()))
        current = bars.add_task("", total=None)

        def show(task: FileTask, done: int, total: int) -> None:
            bars.update(current, description=Path(task.file).name, completed=done, total=total)
            part = sizes[task.file] * min(1.0, done / max(total, 1))
            bars.advance(all_files, part - done_by_file.get(task.file, 0.0))
            done_by_file[task.file] = part

        yield show


def _size(task: FileTask) -> int:
    """Return the size of a local file in bytes, or 1 for every URL."""
    path = Path(task.file)
    return path.stat().st_size if not is_url(task.file) and path.exists() else 1


def print_summary(tasks: list[FileTask], quiet: bool) -> None:
    """Print warnings and errors to stderr, and the counts to stdout."""
    for task in tasks:
        if task.warning:
            print(f"rtdenoise: warning: {task.warning}", file=sys.stderr)
    for task in tasks:
        if task.error:
            print(f"rtdenoise: {task.error}", file=sys.stderr)
    if not quiet:
        count = Counter(task.status for task in tasks)
        seconds = sum(task.seconds for task in tasks)
        print(
            f"{count['done']} denoised ({seconds:.1f} s), {count['skipped']} skipped (already "
            f"there), {count['failed']} failed"
        )
