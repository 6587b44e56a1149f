"""Files at URLs (s3://, gs://, https://, ...) through fsspec: fetched, denoised, put back.

An object store shows an object when it is whole; elsewhere the file is put beside its place
under another name and then moved.
"""

from __future__ import annotations

import posixpath
import tempfile
import time
from pathlib import Path
from typing import Any

from ..denoiser import Denoiser
from ..errors import RtdenoiseError
from ..files import part_path
from .folders import SUFFIXES, Row, denoise_one


def is_url(text: str) -> bool:
    """Return whether `text` is a URL and no path."""
    return "://" in text


def import_fsspec() -> Any:
    """Return fsspec. Raises RtdenoiseError where it is not installed."""
    try:
        import fsspec
    except ImportError as error:
        raise RtdenoiseError("URLs need fsspec: pip install 'rtdenoise[ray]'") from error
    return fsspec


def plan_urls(source: str, target: str) -> list[Row]:
    """Return a row for each audio file below the URL (or folder) `source`.

    Raises RtdenoiseError where it cannot be listed, holds none, or holds the target.
    """
    root, goal = source.rstrip("/"), target.rstrip("/")
    if goal == root or goal.startswith(f"{root}/") or root.startswith(f"{goal}/"):
        raise RtdenoiseError(
            f"{source} and {target} lie within each other: choose an output folder apart from it"
        )
    system, path = _system(source)
    try:
        files = sorted(system.find(path))
    except Exception as error:  # each file system has errors of its own
        raise RtdenoiseError(f"{source} cannot be listed ({_reason(error)}): check it") from error
    files = [file for file in files if posixpath.splitext(file)[1].lower() in SUFFIXES]
    if not files:
        raise RtdenoiseError(f"{source} holds no audio files: check the URL")
    base = path.rstrip("/")
    if files == [base] and posixpath.splitext(goal)[1].lower() in SUFFIXES:
        return [Row(system.unstrip_protocol(base), goal)]
    names = [file[len(base) :].lstrip("/") or posixpath.basename(file) for file in files]
    return [
        Row(system.unstrip_protocol(file), f"{goal}/{name}")
        for file, name in zip(files, names, strict=True)
    ]


def denoise_row(denoiser: Denoiser, row: Row, force: bool) -> None:
    """Denoise one file, here or at URLs, filling the row in."""
    if not (is_url(row.file) or is_url(row.output)):
        denoise_one(denoiser, row, force)
        return
    started = time.monotonic()
    try:
        if is_url(row.output) and not force and _exists(row.output):
            row.status = "skipped"
            return
        with tempfile.TemporaryDirectory(prefix="rtdenoise") as folder:
            local = Row(_fetched(row.file, Path(folder)), _place(row, Path(folder)))
            denoise_one(denoiser, local, force)
            if local.status == "done" and is_url(row.output):
                _put(Path(local.output), row.output)
        for name in ("status", "seconds", "removed_db", "warning", "error"):
            value = getattr(local, name)
            setattr(row, name, value.replace(local.file, row.file) if name == "error" else value)
    except Exception as error:  # each file system has errors of its own
        row.status, row.error = "failed", f"{row.file} to {row.output}: {_reason(error)}"
    row.took = round(time.monotonic() - started, 3)


def _system(url: str) -> tuple[Any, str]:
    try:
        return import_fsspec().core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise RtdenoiseError(f"{url} cannot be reached: {_reason(error)}") from error


def _exists(url: str) -> bool:
    system, path = _system(url)
    return bool(system.exists(path))


def _fetched(name: str, folder: Path) -> str:
    if not is_url(name):
        return name
    system, path = _system(name)
    local = folder / posixpath.basename(path)
    system.get_file(path, str(local))
    return str(local)


def _place(row: Row, folder: Path) -> str:
    if not is_url(row.output):
        return row.output
    (folder / "out").mkdir()
    return str(folder / "out" / posixpath.basename(row.output))


def _put(local: Path, url: str) -> None:
    system, path = _system(url)
    parent = posixpath.dirname(path)
    protocol = system.protocol if isinstance(system.protocol, tuple) else (system.protocol,)
    if not {"file", "local"} & set(protocol):
        system.put_file(str(local), path)  # an object appears when it is whole
        return
    system.makedirs(parent, exist_ok=True)
    part = posixpath.join(parent, part_path(Path(posixpath.basename(path))).name)
    system.put_file(str(local), part)
    system.mv(part, path)


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
