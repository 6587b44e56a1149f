"""Many local files: a folder, a glob or a list, denoised into a folder with the same tree.

Existing outputs are skipped, so an interrupted run continues when it is started again. A bad file
does not stop the others; it is reported at the end.
"""

from __future__ import annotations

import codecs
import csv
import glob
import itertools
import json
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..command import describe_error, one_line, raise_if_stopped, show_traceback
from ..denoiser import Denoiser
from ..errors import RtdenoiseError
from ..files import (
    AUDIO_SUFFIXES,
    PART_NAME,
    STDOUT,
    UNCOMPRESSED,
    atomic_output,
    check_output_folder,
    check_readable_folder,
    check_space,
    is_fifo,
    remove_stale_parts,
)
from ..inference import available_cores
from ..recording import Progress
from .caught_warnings import caught_warnings

SMALL_BYTES = 1_000_000  # of a file that is denoised beside others; about 10 s of WAV
MOST_THREADS = 8
SOUND_MAGIC = tuple(b"RIFF RF64 riff fLaC OggS FORM .snd caff ID3".split())
TaskProgress = Callable[["FileTask", int, int], None]  # task, frames done, frames in total


@dataclass
class FileTask:
    """One file to denoise, and its result. The fields are the columns of the report."""

    file: str
    output: str
    status: str = "waiting"  # later done, skipped or failed
    seconds: float = 0.0  # of audio
    removed_db: float | None = None  # level of the input relative to the output
    took: float = 0.0  # s of computing
    warning: str = ""
    error: str = ""


def plan_tasks(source: Path, target: Path) -> list[FileTask]:
    """Return a task for each audio file of `source`, sorted by name.

    Raises RtdenoiseError if there are none, if one folder contains the other, or if two inputs
    have the same output.
    """
    check_output_folder(target)
    root, files = _inputs(source)
    here, there = root.resolve(), target.resolve()
    if here == there or (source.is_dir() and here in there.parents) or there in here.parents:
        raise RtdenoiseError(f"{root} and {target} overlap: choose a separate output folder")
    tasks = [FileTask(str(path), str(target / path.relative_to(root))) for path in files]
    seen: dict[str, str] = {}
    for task in tasks:
        if (first := seen.setdefault(os.path.normcase(task.output), task.file)) != task.file:
            raise RtdenoiseError(
                f"{first} and {task.file} have the same output {task.output}: rename one of them"
            )
    return tasks


def _inputs(source: Path) -> tuple[Path, list[Path]]:
    """Return the root of the tree to keep, and the files. Warns of those of macOS."""
    root, files = _all_inputs(source)
    sound = [path for path in files if not _is_apple_double(path)]
    if len(sound) < len(files):
        count = f"{len(files) - len(sound)} files" if len(files) > len(sound) + 1 else "1 file"
        warnings.warn(f"{count} of macOS (._*) without sound passed over", stacklevel=3)
    if not sound:
        raise RtdenoiseError(f"{source} contains no audio files: check the path")
    return root, sorted(sound)


def _all_inputs(source: Path) -> tuple[Path, list[Path]]:
    text = str(source)
    if source.is_dir():
        check_readable_folder(source)
        root, files = source, list(_walk(source))
    else:
        if text.startswith("@"):
            files = _read_list(Path(text[1:]))
        else:
            found = map(Path, glob.glob(text, recursive=True))
            files = [
                path for path in found if path.is_file() and path.suffix.lower() in AUDIO_SUFFIXES
            ]
        files = list(dict.fromkeys(Path(os.path.abspath(path)) for path in files))
        root = Path(os.path.commonpath([path.parent for path in files])) if files else Path()
    return root, files


def _is_apple_double(path: Path) -> bool:
    """Return whether a file is what macOS stores beside a recording on other file systems."""
    if not path.name.startswith("._"):
        return False
    try:
        with open(path, "rb") as file:
            return not file.read(4).startswith(SOUND_MAGIC)
    except OSError:
        return False  # it is reported as one that cannot be read


def _read_list(path: Path) -> list[Path]:
    try:
        lines = os.fsdecode(path.read_bytes().removeprefix(codecs.BOM_UTF8)).splitlines()
        if any("\0" in line for line in lines):
            raise ValueError("it is binary, or UTF-16")
    except (OSError, ValueError) as error:
        also = f" (for the recording @{path} write ./@{path})" if Path(f"@{path}").exists() else ""
        raise RtdenoiseError(
            f"{path} is not a readable list of files: write one path per line{also}"
        ) from error
    return [path.parent / line.strip() for line in lines if line.strip()]


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the audio files below `folder`; follow links, but visit no folder twice.

    A folder that cannot be read is yielded itself, so that it is reported as a file would be.
    """
    seen: set[str] = set()
    closed: list[OSError] = []
    for place, folders, names in os.walk(folder, followlinks=True, onerror=closed.append):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in names:
            if Path(name).suffix.lower() in AUDIO_SUFFIXES and not PART_NAME.match(name):
                yield Path(place, name)
    yield from (Path(str(error.filename)) for error in closed if error.filename)


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


def check_free_space(tasks: list[FileTask], target: Path) -> None:
    """Raise RtdenoiseError if the disk is too small for the outputs.

    Uncompressed outputs are as large as their inputs; others are not counted, nor finished ones.
    """
    size = 0
    for task in tasks:
        path = Path(task.file)
        if path.suffix[1:].lower() in UNCOMPRESSED and path.is_file():
            size += 0 if Path(task.output).exists() else path.stat().st_size
    if size:
        check_space(target, size)


def _name_file(task: FileTask, text: str) -> str:
    named = any(one_line(name) in text for name in (task.file, task.output))
    return text if named else f"{one_line(task.file)}: {text}"


def check_report(path: Path, tasks: list[FileTask], out: Path | None = None) -> None:
    """Raise RtdenoiseError if the report cannot be written there; before any file is denoised.

    Folders below `out` will be created.
    """
    if path.is_dir():
        raise RtdenoiseError(f"--report {path} is a folder: give the name of a file in it")
    folders = {parent for task in tasks for parent in Path(task.output).parents}
    if os.path.realpath(path) in map(os.path.realpath, folders):
        raise RtdenoiseError(f"--report {path} is a folder of OUT: give the name of a file")
    if path in STDOUT or (path.exists() and not path.is_file()):
        raise RtdenoiseError(f"--report {path} is no file: give the name of a .csv or .json file")
    place = Path(os.path.realpath(path.parent))
    below = out is not None and Path(os.path.realpath(out)) in (place, *place.parents)
    if below and not place.exists():
        check_output_folder(place)
    elif not path.parent.is_dir():
        raise RtdenoiseError(f"the folder {path.parent} of the report does not exist: create it")
    elif not os.access(path.parent, os.W_OK):
        raise RtdenoiseError(f"the folder {path.parent} of the report cannot be written")
    files = {os.path.realpath(name) for task in tasks for name in (task.file, task.output)}
    if os.path.realpath(path) in files:
        raise RtdenoiseError(f"--report {path} is one of the recordings: choose another name")


def write_report(path: Path, tasks: list[FileTask]) -> None:
    """Write the tasks as .json or .csv, atomically."""
    with atomic_output(path) as part, open(part, "w", newline="", encoding="utf-8") as handle:
        rows = [_printable(task) for task in tasks]
        if path.suffix == ".json":
            json.dump(rows, handle, indent=1)
        else:
            writer = csv.DictWriter(handle, list(asdict(FileTask("", ""))))
            writer.writeheader()
            writer.writerows(rows)


def _printable(task: FileTask) -> dict[str, Any]:
    """Return the row of a report; names that are not UTF-8 are escaped, such as `caf\\xe9.wav`."""
    row = asdict(task)
    return {
        k: os.fsencode(v).decode(errors="backslashreplace") if isinstance(v, str) else v
        for k, v in row.items()
    }
