"""The settings that `rtdenoise live` remembers, in the platform's configuration directory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..errors import RtdenoiseError
from ..files import part_path
from ..processing import ATTENUATION_LIMIT, MIX

REMEMBERED = ("input", "output", "mix", "limit_db")


def settings_path() -> Path:
    """Return the path of the settings file: ~/.config/rtdenoise/live.json on Linux."""
    import typer

    return Path(typer.get_app_dir("rtdenoise")) / "live.json"


def load_settings() -> dict[str, Any]:
    """Return the remembered settings; none if the file is missing or not readable.

    Values that are not allowed, as in a file edited by hand, are left out.
    """
    try:
        data = json.loads(settings_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {k: v for k, v in data.items() if k in REMEMBERED and _is_allowed(k, v)}


def _is_allowed(name: str, value: object) -> bool:
    allowed = {"mix": MIX, "limit_db": ATTENUATION_LIMIT}
    if name not in allowed:
        return isinstance(value, str)
    try:
        allowed[name].check(value)
    except RtdenoiseError:
        return False
    return True


def save_settings(values: dict[str, Any]) -> None:
    """Write the settings; do nothing if the folder is not writable."""
    path = settings_path()
    kept = {k: v for k, v in values.items() if k in REMEMBERED and v is not None}
    part = part_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)


def forget_settings() -> None:
    """Delete the remembered settings."""
    settings_path().unlink(missing_ok=True)
