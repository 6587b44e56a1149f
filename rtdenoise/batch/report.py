"""The report of a run: a row for each file, as CSV or JSON."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import RtdenoiseError
from ..files import STDOUT, atomic_output, check_output_folder
from .tasks import FileTask


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
