"""Checks of input and output paths. Each problem is reported in one line."""

from __future__ import annotations

import errno
import glob
import os
import re
import shutil
import stat
import sys
from pathlib import Path

from ..constants import HIGHEST_RATE, LOWEST_RATE, MAX_CHANNELS
from ..errors import RtdenoiseError

PIPE = Path("-")  # stdin, or stdout
LOOK_UP_HINTS = {
    errno.ENAMETOOLONG: ": choose a shorter name",
    errno.ELOOP: ": its symbolic links form a loop, so give the file itself",
    errno.EACCES: ": check the permissions of its folders",
}
STDIN = {Path("-"), Path("/dev/stdin"), Path("/dev/fd/0"), Path("/proc/self/fd/0")}
STDOUT = {Path("-"), Path("/dev/stdout"), Path("/dev/fd/1"), Path("/proc/self/fd/1")}


def is_url(text: str) -> bool:
    """Return whether `text` is a URL, not a path."""
    return "://" in text


def is_batch(source: Path) -> bool:
    """Return whether `source` names many files: a folder, a glob pattern, or @list.txt.

    A recording called @take.wav is one file, unless there is a list take.wav as well.
    """
    text = str(source)
    if text.startswith("@"):
        return os.path.isfile(text[1:]) or not os.path.isfile(text)
    return os.path.isdir(text) or (glob.has_magic(text) and not os.path.exists(text))


def is_fifo(path: Path) -> bool:
    """Return whether `path` is a named pipe, such as that of a process substitution `<(...)`."""
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False


def standard_stream(name: str) -> int:
    """Return the file descriptor of `stdin` or `stdout`. Raises RtdenoiseError if it is closed."""
    stream = getattr(sys, name)
    try:
        if getattr(sys, f"__{name}__") is not None and stream is not None:
            return int(stream.fileno())
    except (OSError, ValueError, AttributeError):
        pass
    raise RtdenoiseError(f"{name} is closed: give a file name instead of -")


def file_name(path: Path) -> str | bytes:
    """Return the name for soundfile, which cannot encode names that are not UTF-8."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def visible_path(path: Path) -> Path:
    """Return the final name of a temporary file; see `atomic_write` and `tracks`."""
    match = re.match(r"^\.(?:track\d+\.)?(.+)\.\d+\.part$", path.name)
    return path.with_name(match[1]) if match else path


def suffix_of(path: Path) -> str:
    """Return the suffix in lower case without its dot, also of a file that is being written."""
    return visible_path(path).suffix[1:].lower()


def check_input(path: Path) -> None:
    """Raise RtdenoiseError if `path` is missing, a folder or an empty file."""
    check_name(path)
    if not path.exists():
        raise RtdenoiseError(f"{path} does not exist: check the path")
    if path.is_dir():
        check_readable_folder(path)
        raise RtdenoiseError(f"{path} is a folder: give an audio file")
    if not path.is_file():
        raise RtdenoiseError(f"{path} is a device or a pipe: give an audio file")
    if not os.access(path, os.R_OK):
        raise RtdenoiseError(f"{path} cannot be read (Permission denied): change its permissions")
    if path.stat().st_size == 0:
        raise RtdenoiseError(f"{path} is empty: record or copy it again")


def check_readable_folder(path: Path) -> None:
    """Raise RtdenoiseError if the files of a folder cannot be listed and opened."""
    if not os.access(path, os.R_OK | os.X_OK):
        raise RtdenoiseError(
            f"the folder {path} cannot be read (Permission denied): change its permissions"
        )


def check_name(path: Path) -> None:
    """Raise RtdenoiseError if the system cannot look `path` up: a name too long, a link loop."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise RtdenoiseError(
            f"{path} cannot be used ({reason(error)}){LOOK_UP_HINTS.get(error.errno or 0, '')}"
        ) from error


def check_sound(path: Path, sample_rate: int, channels: int) -> None:
    """Raise RtdenoiseError if a recording has a rate or channels that are not supported."""
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise RtdenoiseError(
            f"{path} states a sample rate of {sample_rate} Hz, so it is damaged or no sound: "
            f"{LOWEST_RATE} to {HIGHEST_RATE:,} Hz are supported"
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise RtdenoiseError(
            f"{path} has {channels} channels, but at most {MAX_CHANNELS} are supported: split it "
            "first"
        )


def check_output(source: Path, target: Path, force: bool) -> None:
    """Raise RtdenoiseError if `source` cannot be read or `target` may not be written.

    The target may not be the source, a folder, in a missing folder, or, without `force`, an
    existing file.
    """
    if source not in STDIN and not is_fifo(source):
        check_input(source)
    if target in STDOUT or is_fifo(target):
        return
    check_name(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise RtdenoiseError(f"{target} is the input itself: choose another name for the output")
    if target.is_dir():
        raise RtdenoiseError(f"{target} is a folder: give a file name for the output")
    if not target.parent.is_dir():
        raise RtdenoiseError(f"the folder {target.parent} does not exist: create it first")
    if target.exists() and not target.is_file():
        raise RtdenoiseError(f"{target} is not a regular file: choose another name for the output")
    if target.exists() and not force:
        raise RtdenoiseError(f"{target} exists: use --force to replace it")
    if not os.access(target.parent, os.W_OK):
        raise RtdenoiseError(f"the folder {target.parent} cannot be written: choose another one")


def check_output_folder(folder: Path) -> None:
    """Raise RtdenoiseError if files cannot be written into `folder`, which may not exist yet."""
    if folder.exists() and not folder.is_dir():
        raise RtdenoiseError(f"{folder} is a file, but OUT must be a folder: choose another name")
    parent = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not parent.is_dir():
        raise RtdenoiseError(f"{parent} is a file, not a folder: choose another name")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise RtdenoiseError(f"the folder {parent} cannot be written: choose another OUT")


def create_folder(folder: Path) -> None:
    """Create `folder` and those above it. Raises RtdenoiseError if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RtdenoiseError(
            f"the folder {folder} cannot be created ({reason(error)}){write_hint(error)}"
        ) from error


def check_space(target: Path, size: int) -> None:
    """Raise RtdenoiseError if the disk of `target` has no room for `size` bytes."""
    folder = next(path for path in target.absolute().parents if path.exists())
    free = shutil.disk_usage(folder).free
    if free < size:
        raise RtdenoiseError(
            f"{target} needs about {_megabytes(size)}, but its disk has {_megabytes(free)} left: "
            "free some disk space, or choose another folder"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def write_hint(error: Exception) -> str:
    """Return how to mend an error of writing, as the end of a sentence; "" if unknown."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return ": free some disk space"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR):
        return ": choose another folder"
    if number == errno.ENAMETOOLONG:
        return ": choose a shorter name"
    if number == errno.EFBIG:
        return ": free some disk space, or allow larger files (ulimit -f)"
    return ""


def reason(error: Exception) -> str:
    """Return a library's error message, shortened to one line."""
    text = str(getattr(error, "strerror", None) or getattr(error, "error_string", None) or error)
    return " ".join(text.split()).rstrip(".:")[:120]
