"""Which files to denoise, and where to: those of a folder, a glob or a list, into the same tree."""

from __future__ import annotations

import codecs
import glob
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import RtdenoiseError
from ..files import (
    AUDIO_SUFFIXES,
    PART_NAME,
    UNCOMPRESSED,
    check_output_folder,
    check_readable_folder,
    check_space,
)

SOUND_MAGIC = tuple(b"RIFF RF64 riff fLaC OggS FORM .snd caff ID3".split())


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
