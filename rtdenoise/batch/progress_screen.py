"""What `rtdenoise file` shows on many files: progress bars, then a summary."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..command import one_line, say
from ..files import is_url
from .tasks import FileTask

MAX_EQUAL = 3  # messages about as many files are printed one by one
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

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:.0f}%"),
    )
    sizes = {task.file: _size(task) for task in tasks}
    done_by_file: dict[str, float] = {}
    with Progress(*columns, TimeLeft(), console=Console(stderr=True), transient=True) as bars:
        all_files = bars.add_task(f"{len(tasks)} files", total=sum(sizes.values()))
        current = bars.add_task("", total=None)

        def show(task: FileTask, done: int, total: int) -> None:
            bars.update(
                current, description=one_line(Path(task.file).name), completed=done, total=total
            )
            part = sizes[task.file] * min(1.0, done / max(total, 1))
            bars.advance(all_files, part - done_by_file.get(task.file, 0.0))
            done_by_file[task.file] = part

        yield show


def _size(task: FileTask) -> int:
    """Return the size of a local file in bytes, or 1 for every URL."""
    path = Path(task.file)
    return path.stat().st_size if not is_url(task.file) and path.exists() else 1


def print_summary(tasks: list[FileTask], quiet: bool) -> None:
    """Print warnings and errors to stderr, equal ones once, and the counts to stdout."""
    for text in sum_up([(task, task.warning) for task in tasks if task.warning]):
        say(f"rtdenoise: warning: {text}")
    for text in sum_up([(task, task.error) for task in tasks if task.error]):
        say(f"rtdenoise: {text}")
    if not quiet:
        count = Counter(task.status for task in tasks)
        seconds = sum(task.seconds for task in tasks)
        waiting = f", {count['waiting']} not done" if count["waiting"] else ""
        print(
            f"{count['done']} denoised ({seconds:.1f} s), {count['skipped']} skipped (already "
            f"there), {count['failed']} failed{waiting}"
        )


def sum_up(messages: list[tuple[FileTask, str]]) -> list[str]:
    """Return the lines for messages about files; one line for many that differ in the name only."""
    groups: dict[str, list[tuple[FileTask, str]]] = {}
    for task, text in messages:
        groups.setdefault(_without_names(task, text), []).append((task, text))
    lines = []
    for text, group in groups.items():
        if len(group) <= MAX_EQUAL:
            lines += [one_line(message) for _, message in group]
            continue
        names = ", ".join(one_line(task.file) for task, _ in group[:MAX_EQUAL])
        lines.append(f"{len(group)} files: {text} ({names} and {len(group) - MAX_EQUAL} more)")
    return lines


def _without_names(task: FileTask, text: str) -> str:
    text = one_line(text)
    for name, sign in ((task.output, "OUT"), (task.file, "IN")):
        name = one_line(name)
        text = text.removeprefix(f"{name}: ").removeprefix(f"{name} ").replace(name, sign)
    return text
