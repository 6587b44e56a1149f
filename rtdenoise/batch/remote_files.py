"""Files at URLs (s3://, gs://, https://, ...), through fsspec: downloaded, denoised, uploaded.

An object store shows an object only when it is complete. In other file systems the file is
uploaded under a temporary name and then renamed.
"""

from __future__ import annotations

import posixpath
import tempfile
import time
from pathlib import Path
from typing import Any

from ..command import raise_if_stopped, show_traceback
from ..denoiser import Denoiser
from ..errors import RtdenoiseError
from ..files import AUDIO_SUFFIXES, is_url, part_path
from .folders import run_task
from .tasks import FileTask


def import_fsspec() -> Any:
    """Return fsspec. Raises RtdenoiseError if it is not installed."""
    try:
        import fsspec
    except ImportError as error:
        raise RtdenoiseError("URLs need fsspec: pip install 'rtdenoise[ray]'") from error
    return fsspec


def plan_url_tasks(source: str, target: str) -> list[FileTask]:
    """Return a task for each audio file below the URL (or folder) `source`.

    Raises RtdenoiseError if it cannot be listed, contains none, or contains the target.
    """
    root, goal = source.rstrip("/"), target.rstrip("/")
    if goal == root or goal.startswith(f"{root}/") or root.startswith(f"{goal}/"):
        raise RtdenoiseError(f"{source} and {target} overlap: choose a separate output folder")
    system, path = _system(source)
    try:
        files = sorted(system.find(path))
    except Exception as error:  # each file system has errors of its own
        raise RtdenoiseError(
            f"{source} cannot be listed ({_reason(error)}): check the URL"
        ) from error
    files = [file for file in files if posixpath.splitext(file)[1].lower() in AUDIO_SUFFIXES]
    if not files:
        raise RtdenoiseError(f"{source} contains no audio files: check the URL")
    base = path.rstrip("/")
    if files == [base] and posixpath.splitext(goal)[1].lower() in AUDIO_SUFFIXES:
        return [FileTask(system.unstrip_protocol(base), goal)]
    names = [file[len(base) :].lstrip("/") or posixpath.basename(file) for file in files]
    return [
        FileTask(system.unstrip_protocol(file), f"{goal}/{name}")
        for file, name in zip(files, names, strict=True)
    ]


def run_remote_task(denoiser: Denoiser, task: FileTask, force: bool) -> None:
    """Denoise one file, local or at URLs, and store the result in the task."""
    if not (is_url(task.file) or is_url(task.output)):
        run_task(denoiser, task, force)
        return
    started = time.monotonic()
    try:
        if is_url(task.output) and not force and _exists(task.output):
            task.status = "skipped"
            return
        with tempfile.TemporaryDirectory(prefix="rtdenoise") as folder:
            local = FileTask(_download(task.file, Path(folder)), _local_output(task, Path(folder)))
            run_task(denoiser, local, force)
            if local.status == "done" and is_url(task.output):
                _upload(Path(local.output), task.output)
        for name in ("status", "seconds", "removed_db", "warning", "error"):
            value = getattr(local, name)
            setattr(task, name, value.replace(local.file, task.file) if name == "error" else value)
    except Exception as error:  # each file system has errors of its own
        raise_if_stopped()
        show_traceback(error)
        task.status, task.error = "failed", f"{task.file} to {task.output}: {_reason(error)}"
    task.took = round(time.monotonic() - started, 3)


def _system(url: str) -> tuple[Any, str]:
    try:
        return import_fsspec().core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise RtdenoiseError(f"{url} cannot be reached: {_reason(error)}") from error


def _exists(url: str) -> bool:
    system, path = _system(url)
    return bool(system.exists(path))


def _download(name: str, folder: Path) -> str:
    if not is_url(name):
        return name
    system, path = _system(name)
    local = folder / posixpath.basename(path)
    system.get_file(path, str(local))
    return str(local)


def _local_output(task: FileTask, folder: Path) -> str:
    if not is_url(task.output):
        return task.output
    (folder / "out").mkdir()
    return str(folder / "out" / posixpath.basename(task.output))


def _upload(local: Path, url: str) -> None:
    system, path = _system(url)
    parent = posixpath.dirname(path)
    protocol = system.protocol if isinstance(system.protocol, tuple) else (system.protocol,)
    if not {"file", "local"} & set(protocol):
        system.put_file(str(local), path)  # an object appears when it is complete
        return
    system.makedirs(parent, exist_ok=True)
    part = posixpath.join(parent, part_path(Path(posixpath.basename(path))).name)
    system.put_file(str(local), part)
    system.mv(part, path)


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
