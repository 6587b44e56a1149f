"""Denoises many local files into a folder, short ones side by side.

Existing outputs are skipped, so an interrupted run continues when it is started again. A bad file
does not stop the others; it is reported at the end.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..command import describe_error, one_line, raise_if_stopped, show_traceback
from ..denoiser import Denoiser
from ..errors import RtdenoiseError
from ..files import (
    is_fifo,
    remove_stale_parts,
)
from ..inference import available_cores
from ..recording import Progress
from .caught_warnings import caught_warnings
from .tasks import FileTask

SMALL_BYTES = 1_000_000  # of a file that is denoised beside others; about 10 s of WAV
MOST_THREADS = 8
TaskProgress = Callable[[FileTask, int, int], None]  # task, frames done, frames in total


def run_tasks(
    denoiser: Denoiser,
    tasks: list[FileTask],
    force: bool = False,
    progress: TaskProgress | None = None,
) -> None:
    """Run every task whose output does not exist, and store the results in the tasks."""
    for folder in {Path(task.output).parent for task in tasks}:
        remove_stale_parts(folder)
    threads = _threads(denoiser)
    for small, group in itertools.groupby(tasks, lambda task: threads > 1 and _is_small(task)):
        if small:
            _run_together(threads, denoiser, list(group), force, progress)
        else:
            for task in group:
                run_task(denoiser, task, force, _for_task(progress, task))


def _threads(denoiser: Denoiser) -> int:
    """Return how many short files are denoised at once. A long one uses all cores by itself."""
    if denoiser.provider != "cpu":
        return 1
    return denoiser.workers or min(MOST_THREADS, available_cores())


def _is_small(task: FileTask) -> bool:
    try:
        return os.path.getsize(task.file) < SMALL_BYTES
    except OSError:
        return True  # it is reported at once


def _run_together(
    threads: int,
    denoiser: Denoiser,
    tasks: list[FileTask],
    force: bool,
    progress: TaskProgress | None,
) -> None:
    """Run tasks in threads. A signal lets those that have begun come to their end."""
    lock = threading.Lock()

    def show(task: FileTask, done: int, total: int) -> None:
        with lock:
            assert progress
            progress(task, done, total)

    shown = show if progress else None
    pool = ThreadPoolExecutor(threads, "rtdenoise file")
    try:
        futures = [pool.submit(run_task, denoiser, t, force, _for_task(shown, t)) for t in tasks]
        for future in futures:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _for_task(progress: TaskProgress | None, task: FileTask) -> Progress | None:
    return None if progress is None else lambda done, total: progress(task, done, total)


def run_task(
    denoiser: Denoiser, task: FileTask, force: bool = False, progress: Progress | None = None
) -> None:
    """Denoise one file unless its output exists. Results and errors are stored in the task."""
    target, started = Path(task.output), time.monotonic()
    if not force and os.path.exists(target) and not os.path.isdir(target):
        task.status = "skipped"
        return
    with caught_warnings() as caught:
        try:
            _check_no_pipe(Path(task.file))
            target.parent.mkdir(parents=True, exist_ok=True)
            result = denoiser.measured_file(task.file, target, force, progress)
            task.status, task.seconds = "done", round(result.seconds, 3)
            task.removed_db = round(result.removed_db, 2)
        except Exception as error:
            raise_if_stopped()
            show_traceback(error)
            task.status, task.error = "failed", _name_file(task, describe_error(error))
    task.warning = "; ".join(caught)
    task.took = round(time.monotonic() - started, 3)


def _check_no_pipe(path: Path) -> None:
    """Raise RtdenoiseError for a named pipe: a run would wait for somebody who writes into it."""
    if is_fifo(path):
        raise RtdenoiseError(f"{path} is a pipe: give it as the only IN")


def _name_file(task: FileTask, text: str) -> str:
    named = any(one_line(name) in text for name in (task.file, task.output))
    return text if named else f"{one_line(task.file)}: {text}"
