"""Checks of the folders that rtdenoise writes to besides OUT: settings and temporary files."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from ..command import one_line
from .finding import Finding

ENOUGH_MB = {"settings": 1, "temporary files": 100}  # a recording from a pipe may need far more


def check_storage() -> list[Finding]:
    """Return findings on the settings of `live` and on the folder for temporary files."""
    from ..live import settings_path

    path = settings_path()
    found = _check_folder("settings", path.parent, "`rtdenoise live` cannot remember its settings")
    if found.state == "ok" and path.is_file() and not _is_readable(path):
        problem = f"{one_line(path)} is not readable, so `live` ignores it"
        found = Finding("settings", "warning", problem, "rtdenoise live --forget", found.details)
    return [found, _check_temporary()]


def _check_temporary() -> Finding:
    try:
        folder = Path(tempfile.gettempdir())
    except OSError as error:
        advice = "set TMPDIR to a folder that can be written to"
        return Finding("temporary files", "warning", one_line(error), advice)
    return _check_folder("temporary files", folder, "recordings from URLs and pipes need it")


def _check_folder(name: str, folder: Path, consequence: str) -> Finding:
    """Return whether a folder (or, if it is missing, the one above it) has rights and space."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    shown = one_line(folder)
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        problem = f"{one_line(there)} is not a folder that can be written to"
        details = {"folder": shown, "writable": False}
        return Finding(name, "warning", problem, f"change its rights: {consequence}", details)
    free = shutil.disk_usage(there).free / 1e6
    details = {"folder": shown, "writable": True, "free_mb": round(free)}
    if free < ENOUGH_MB[name]:
        problem = f"{shown}: only {free:.1f} MB free"
        return Finding(name, "warning", problem, f"delete something: {consequence}", details)
    return Finding(name, "ok", f"{shown}, {free / 1000:,.1f} GB free", details=details)


def _is_readable(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False
