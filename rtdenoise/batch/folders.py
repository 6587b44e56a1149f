"""Many files: a folder, a glob or a list, into a folder with the same tree.

What is finished is skipped, so that an interrupted run is simply started again. One bad file
never stops the rest: it is reported at the end.
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
from ..files import PART, written_whole
from ..files import media_reader as media

SUFFIXES = media.SUFFIXES | frozenset(
    f".{name}"
    for name in "wav wave rf64 w64 flac ogg oga opus mp3 aif aiff aifc caf au snd voc".split()
)


@dataclass
class Row:
    """What became of one file; the report's columns."""

    file: str
    output: str
    status: str = "waiting"  # then done, skipped or failed
    seconds: float = 0.0  # of audio
    removed_db: float | None = None  # level of the input over that of the output
    took: float = 0.0  # s
    warning: str = ""
    error: str = ""


def is_batch(source: Path) -> bool:
    """Return whether IN names many files: a folder, a glob pattern, or @list.txt."""
    text = str(source)
    return source.is_dir() or text.startswith("@") or (glob.has_magic(text) and not source.exists())


def plan(source: Path, target: Path) -> list[Row]:
    """Return a row for each audio file of `source`, in order of their names.

    Raises RtdenoiseError where there are none, where folders lie within each other, or where two
    inputs would write one output.
    """
    root, files = _inputs(source)
    here, there = root.resolve(), target.resolve()
    if here == there or (source.is_dir() and here in there.parents) or there in here.parents:
        raise RtdenoiseError(
            f"{root} and {target} lie within each other: choose an output folder apart from it"
        )
    rows = [Row(str(path), str(target / path.relative_to(root))) for path in files]
    seen: dict[str, str] = {}
    for row in rows:
        if (first := seen.setdefault(os.path.normcase(row.output), row.file)) != row.file:
            raise RtdenoiseError(
                f"{first} and {row.file} would both become {row.output}: rename one of them"
            )
    return rows


def _inputs(source: Path) -> tuple[Path, list[Path]]:
    """Return the root of the tree to keep, and the files."""
    text = str(source)
    if source.is_dir():
        root, files = source, list(_walk(source))
    else:
        if text.startswith("@"):
            files = _listed(Path(text[1:]))
        else:
            found = map(Path, glob.glob(text, recursive=True))
            files = [path for path in found if path.is_file() and path.suffix.lower() in SUFFIXES]
        files = list(dict.fromkeys(Path(os.path.abspath(path)) for path in files))
        root = Path(os.path.commonpath([path.parent for path in files])) if files else Path()
    if not files:
        raise RtdenoiseError(f"{text} holds no audio files: check the path")
    return root, sorted(files)


def _listed(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RtdenoiseError(f"{path} is no readable list: one path per line") from error
    return [path.parent / line.strip() for line in lines if line.strip()]


def _walk(folder: Path) -> Iterator[Path]:
    """Yield audio files below `folder`, through links too, but through no folder twice."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in names:
            if Path(name).suffix.lower() in SUFFIXES and not PART.match(name):
                yield Path(place, name)


def run(
    denoiser: Denoiser,
    rows: list[Row],
    force: bool = False,
    progress: Callable[[Row, int, int], None] | None = None,
) -> None:
    """Denoise every row whose output is not there yet, filling the rows in."""
    for folder in {Path(row.output).parent for row in rows}:
        _remove_parts(folder)
    for row in rows:
        denoise_one(denoiser, row, force, _for_row(progress, row))


def _for_row(progress: Callable[[Row, int, int], None] | None, row: Row) -> Progress | None:
    return None if progress is None else lambda done, total: progress(row, done, total)


def denoise_one(
    denoiser: Denoiser, row: Row, force: bool = False, progress: Progress | None = None
) -> None:
    """Denoise one file unless its output is there, filling the row in; raises nothing."""
    target, started = Path(row.output), time.monotonic()
    if target.exists() and not force:
        row.status = "skipped"
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            result = denoiser.measured_file(row.file, target, force, progress)
            row.status, row.seconds = "done", round(result.seconds, 3)
            row.removed_db = round(result.removed_db, 2)
        except (RtdenoiseError, OSError) as error:
            row.status, row.error = "failed", " ".join(str(error).split())
    row.warning = "; ".join(str(warning.message) for warning in caught)
    row.took = round(time.monotonic() - started, 3)


def _remove_parts(folder: Path) -> None:
    """Remove what killed runs left half-written; those of running ones stay."""
    for path in folder.glob(".*.part"):
        match = PART.match(path.name)
        if match and not _runs(int(match[1])):
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    if os.name == "nt":  # there os.kill would end it; leave the file alone
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def write_report(path: Path, rows: list[Row]) -> None:
    """Write the rows as .json or .csv, all or nothing."""
    with written_whole(path) as part, open(part, "w", newline="", encoding="utf-8") as handle:
        if path.suffix == ".json":
            json.dump([asdict(row) for row in rows], handle, indent=1)
        else:
            writer = csv.DictWriter(handle, list(asdict(Row("", ""))))
            writer.writeheader()
            writer.writerows(asdict(row) for row in rows)
