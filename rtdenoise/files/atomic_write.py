"""Atomic writes: a file is written under a temporary name in its own folder, then renamed."""

from __future__ import annotations

import atexit
import glob
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import RtdenoiseError
from .paths import reason, write_hint

PART_NAME = re.compile(r"^\..+\.(\d+)\.part$")  # names made by `part_path`; the group is the pid
MAX_NAME = 255  # bytes of a file name in most file systems
_own_parts: set[Path] = set()
_clean_folders: set[Path] = set()  # searched already: a search for each of many files takes long


def part_path(path: Path) -> Path:
    """Return the temporary name under which `path` is written until it is complete.

    If the program ends before that, the file is removed at its exit.
    """
    end = f"{path.suffix}.{os.getpid()}.part"
    stem = os.fsencode(path.name)[: -len(os.fsencode(path.suffix)) or None]
    stem = stem[: MAX_NAME - 1 - len(os.fsencode(end))]
    part = path.with_name(f".{os.fsdecode(stem)}{end}")
    _own_parts.add(part.absolute())
    return part


def create_part(path: Path) -> Path:
    """Create the temporary file of `path`. Raises RtdenoiseError if that cannot be.

    If `path` is a symbolic link, the file it names will be replaced, not the link, as other
    programs write through links.
    """
    target = _written(path)
    remove_stale_parts(target.parent, target.name)
    part = part_path(target)
    try:
        part.write_bytes(b"")
    except OSError as error:
        raise RtdenoiseError(
            f"{path} cannot be written ({reason(error)}){write_hint(error)}"
        ) from error
    return part


def incomplete(path: Path, part: Path, error: Exception) -> RtdenoiseError:
    """Return the error for a file that could not be written to its end.

    Libraries often say "system error" only. So a few bytes more are written, to learn the cause.
    """
    problem = error
    try:
        with open(part, "ab") as file:
            file.write(bytes(1 << 16))
    except OSError as found:
        problem = found
    return RtdenoiseError(
        f"{path} could not be written completely ({reason(problem)}){write_hint(problem)} (the "
        "partial file was removed)"
    )


@atexit.register
def _remove_own_parts() -> None:
    """Remove the files of a signal or an error between the opening of a file and its `with`."""
    for part in _own_parts:
        if part.name.endswith(f".{os.getpid()}.part"):  # not those of the parent of a fork
            with suppress(OSError):
                part.unlink()


def remove_stale_parts(folder: Path, name: str | None = None) -> None:
    """Remove the temporary files of killed processes; those of running ones stay.

    `name` is the final name of a file; by default all of `folder` are looked at.
    """
    if name is not None and folder in _clean_folders:
        return
    start = "" if name is None else f"{glob.escape(name)}."
    for path in folder.glob(f".{start}*.part"):
        match = PART_NAME.match(path.name)
        if match and not _is_in_use(path, int(match[1])):
            with suppress(OSError):
                path.unlink()
    if name is None:
        _clean_folders.add(folder)


def _is_in_use(part: Path, process: int) -> bool:
    # An earlier process may have had this number, as in each start of a container.
    if process == os.getpid():
        return part.absolute() in _own_parts
    return _is_running(process)


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


def commit_part(part: Path, path: Path) -> None:
    """Put the complete file `part` in the place of `path`; permissions and owner of it stay."""
    target = _written(path)
    with open(part, "rb") as handle:
        os.fsync(handle.fileno())
    if target.exists():
        if hasattr(os, "chown"):
            old = target.stat()
            with suppress(OSError):  # only root may give a file to somebody else
                os.chown(part, old.st_uid, old.st_gid)
        shutil.copymode(target, part)
    os.replace(part, target)


def replace_start(part: Path, old: int, new: bytes) -> None:
    """Replace the first `old` bytes of the file `part` by `new`, through a second file."""
    if not old and not new:
        return
    second = part_path(part)
    try:
        with open(part, "rb") as source, open(second, "wb") as target:
            source.seek(old)
            target.write(new)
            shutil.copyfileobj(source, target, 1 << 20)
        os.replace(second, part)
    finally:
        second.unlink(missing_ok=True)


def _written(path: Path) -> Path:
    return Path(os.path.realpath(path)) if path.is_symlink() else path


@contextmanager
def atomic_output(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, and rename it to `path` at the end.

    If the block raises, the temporary file is removed and `path` stays as it was.
    Raises RtdenoiseError if the folder cannot be written to.
    """
    part = part_path(_written(path))
    try:
        yield part
        commit_part(part, path)
    except OSError as error:
        raise RtdenoiseError(
            f"{path} cannot be written ({reason(error)}){write_hint(error)}"
        ) from error
    finally:
        part.unlink(missing_ok=True)
