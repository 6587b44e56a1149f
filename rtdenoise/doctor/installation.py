"""Checks of Python, the system, the packages that rtdenoise needs, and its extras."""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
from importlib import metadata

from ..command import describe_error, one_line
from ..constants import VERSION
from .finding import Finding

OLDEST_PYTHON = (3, 10)
NEEDED = ("numpy", "soxr", "soundfile", "onnxruntime", "typer", "rich")  # by every command
FOR_LIVE = ("sounddevice", "pulsectl")  # importing them needs libraries: see sound.py
ONNXRUNTIMES = ("onnxruntime-gpu", "onnxruntime")
FOR_DEVELOPERS = ("test", "docs", "benchmark")  # extras that are of no use without a checkout
REQUIREMENT = re.compile(r"([\w.-]+)(?:\[([\w,.-]+)\])?.*?extra\s*==\s*['\"]([\w.-]+)['\"]")


def check_system() -> list[Finding]:
    """Return findings on Python and the machine."""
    version, cores = platform.python_version(), _cores()
    python = Finding(
        "python",
        "ok" if sys.version_info >= OLDEST_PYTHON else "broken",
        f"{platform.python_implementation()} {version}, {one_line(sys.executable or 'embedded')}",
        "" if sys.version_info >= OLDEST_PYTHON else "install Python 3.10 or newer",
        {"version": version, "executable": one_line(sys.executable or "")},
    )
    details = {"platform": platform.platform(), "machine": platform.machine(), "cores": cores}
    text = f"{platform.platform()}, {cores} core{'s' * (cores != 1)}"
    return [
        Finding("rtdenoise", "ok", VERSION, details={"version": VERSION}),
        python,
        Finding("system", "ok", text, details=details),
    ]


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_packages() -> list[Finding]:
    """Return findings on the packages and the extras."""
    installed = {name: _version(name) for name in (*NEEDED[:3], *ONNXRUNTIMES, *NEEDED[4:])}
    installed |= {name: _version(name) for name in FOR_LIVE}
    versions = {name: version for name, version in installed.items() if version}
    text = ", ".join(f"{name} {version}" for name, version in versions.items())
    details = {"versions": versions}
    # Only the first one: the next packages may import it, and a C library then ends the process.
    failures = ((name, failure) for name in NEEDED if (failure := _import_failure(name)))
    if failed := next(failures, None):
        advice = _reinstall(failed[0])
        found = Finding("packages", "broken", ": ".join(failed), advice, details)
    elif set(ONNXRUNTIMES) <= versions.keys():
        problem = "onnxruntime and onnxruntime-gpu are both installed, and share a folder"
        advice = "pip uninstall onnxruntime onnxruntime-gpu, then install rtdenoise again"
        found = Finding("packages", "warning", problem, advice, details)
    else:
        found = Finding("packages", "ok", text, details=details)
    return [found, _check_extras()]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except Exception:  # not installed, or its metadata is damaged
        return None


def _import_failure(module: str) -> str | None:
    """Return why a module cannot be imported, or None."""
    try:
        importlib.import_module(module)
    except BaseException as error:
        return describe_error(error)
    return None


def _reinstall(module: str) -> str:
    """Return how to install a package again, in the version that is there."""
    names = ONNXRUNTIMES if module == "onnxruntime" else (module,)
    name = next(filter(_version, names), names[0])
    version = _version(name)
    wanted = f"{name}=={version}" if version else name
    return f"install it again: pip install --force-reinstall {wanted}"


def _check_extras() -> Finding:
    """Return which extras are installed completely; rtdenoise's own metadata lists them."""
    wanted = needed_by_extras(metadata.requires("rtdenoise") or []) if _version("rtdenoise") else {}
    found = {
        extra: all(map(_is_installed, names))
        for extra, names in wanted.items()
        if extra not in FOR_DEVELOPERS
    }
    if not found:
        return Finding("extras", "absent", "not known: rtdenoise runs without being installed")
    present = [extra for extra, there in found.items() if there]
    missing = [extra for extra, there in found.items() if not there]
    parts = [f"installed: {', '.join(present) or 'none'}"]
    if missing:
        parts.append(f"not installed: {', '.join(missing)}")
    return Finding("extras", "ok", "; ".join(parts), details=found)


def _is_installed(wanted: str) -> bool:
    """Return whether a distribution is installed, with its extras: `onnxruntime-gpu[cuda]`."""
    name, _, extras = wanted.rstrip("]").partition("[")
    if not _version(name):
        return False
    needed = needed_by_extras(metadata.requires(name) or []) if extras else {}
    parts = [part for extra in extras.split(",") for part in needed.get(extra, ())]
    return all(map(_is_installed, parts))


def needed_by_extras(requirements: list[str]) -> dict[str, set[str]]:
    """Return what each extra needs, from the requirements of a distribution: `name[extras]`."""
    needed: dict[str, set[str]] = {}
    for found in map(REQUIREMENT.match, requirements):
        if found:
            name, extras, extra = found.groups()
            wanted = [f"{name}[{extras}]" if extras else name]
            own = extras.split(",") if extras and name == "rtdenoise" else wanted
            needed.setdefault(extra, set()).update(own)
    for _ in needed:  # rtdenoise[a] in an extra stands for all that a needs
        for extra, names in needed.items():
            for other in names & needed.keys() - {extra}:
                needed[extra] = (needed[extra] - {other}) | needed[other]
    return needed
