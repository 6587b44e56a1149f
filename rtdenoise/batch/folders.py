"""Many local files: a folder, a glob or a list, denoised into a folder with the same tree.

Existing outputs are skipped, so an interrupted run continues when it is started again. A bad file
does not stop the others; it is reported at the end.
"""

from __future__ import annotations

import csv
import glob
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ..denoiser import Denoiser, Progress
from ..errors import RtdenoiseError
from ..files import AUDIO_SUFFIXES, PART_NAME, atomic_output

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
    """Return the root of the tree to keep, and the files."""
    text = str(source)
    if source.is_dir():
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
    if not files:
        raise RtdenoiseError(f"{text} contains no audio files: check the path")
    return root, sorted(files)


def _read_list(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RtdenoiseError(
            f"{path} is not a readable list of files: write one path per line"
        ) from error
    return [path.parent / line.strip() for line in lines if line.strip()]


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the audio files below `folder`; follow links, but visit no folder twice."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in names:
            if Path(name).suffix.lower() in AUDIO_SUFFIXES and not PART_NAME.match(name):
                yield Path(place, name)


def run_tasks(
    denoiser: Denoiser,
    tasks: list[FileTask],
    force: bool = False,
    progress: TaskProgress | None = None,
) -> None:
    """Run every task whose output does not exist, and store the results in the tasks."""
    for folder in {Path(task.output).parent for task in tasks}:
        _remove_stale_parts(folder)
    for task in tasks:
        run_task(denoiser, task, force, _for_task(progress, task))


def _for_task(progress: TaskProgress | None, task: FileTask) -> Progress | None:
    return None if progress is None else lambda done, total: progress(task, done, total)


def run_task(
    denoiser: Denoiser, task: FileTask, force: bool = False, progress: Progress | None = None
) -> None:
    """Denoise one file unless its output exists. Results and errors are stored in the task."""
    target, started = Path(task.output), time.monotonic()
    if target.exists() and not force:
        task.status = "skipped"
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            result = denoiser.measured_file(task.file, target, force, progress)
            task.status, task.seconds = "done", round(result.seconds, 3)
            task.removed_db = round(result.removed_db, 2)
        except (RtdenoiseError, OSError) as error:
            task.status, task.error = "failed", " ".join(str(error).split())
    task.warning = "; ".join(str(warning.message) for warning in caught)
    task.took = round(time.monotonic() - started, 3)


def _remove_stale_parts(folder: Path) -> None:
    """Remove the temporary files of killed processes; those of running ones stay."""
    for path in folder.glob(".*.part"):
        match = PART_NAME.match(path.name)
        if match and not _is_running(int(match[1])):
            path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name == "nt":  # on Windows os.kill would end the process; leave the file alone
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def write_report(path: Path, tasks: list[FileTask]) -> None:
    """Write the tasks as .json or .csv, atomically."""
    with atomic_output(path) as part, open(part, "w", newline="", encoding="utf-8") as handle:
        if path.suffix == ".json":
            json.dump([asdict(task) for task in tasks], handle, indent=1)
        else:
            writer = csv.DictWriter(handle, list(asdict(FileTask("", ""))))
            writer.writeheader()
            writer.writerows(asdict(task) for task in tasks)
