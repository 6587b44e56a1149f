"""Writes the page to a folder that any web server can carry, complete or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..errors import RtdenoiseError
from ..files import part_path
from .single_file import single_file
from .site import Site

SINGLE_FILE = "rtdenoise.html"


def export_site(site: Site, target: Path, force: bool = False) -> list[Path]:
    """Write the page's files, and the page as one file, to the new folder `target`.

    Returns their paths. `force` replaces the page's files in an existing folder and leaves others
    alone. Raises RtdenoiseError if the folder exists or cannot be written.
    """
    if target.exists() and not target.is_dir():
        raise RtdenoiseError(f"{target} is a file: choose a folder for the page")
    if target.is_dir() and any(target.iterdir()) and not force:
        raise RtdenoiseError(f"{target} is not empty: choose a new folder, or --force to write")
    files = {**site.files, SINGLE_FILE: single_file(site).encode()}
    part = part_path(target.absolute())
    try:
        part.mkdir(parents=True)
        for name, content in files.items():
            (part / name).write_bytes(content)
        target.mkdir(exist_ok=True)
        for name in files:
            os.replace(part / name, target / name)
    except OSError as error:
        raise RtdenoiseError(f"{target} cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return [target / name for name in files]
