"""What the tests of the command line share: run it, and check what it said and left behind."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
RTDENOISE = [sys.executable, "-m", "rtdenoise.cli"]


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess:
    """Run `rtdenoise` with these arguments; `options` are those of subprocess.run."""
    settings = {"capture_output": True, "text": True, "timeout": 300} | options
    return subprocess.run([*RTDENOISE, *map(str, arguments)], **settings)


def install_command(folder: Path) -> Path:
    """Write a program `rtdenoise` into `folder`, as an installation makes it; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "rtdenoise"
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} "
        f'exec {shlex.quote(sys.executable)} -m rtdenoise "$@"\n'
    )
    program.chmod(0o755)
    return program


def noise(frames: int, channels: int = 1) -> np.ndarray:
    """White noise [frames, channels] at -20 dBFS, the same for the same length."""
    return np.random.default_rng(frames).standard_normal((frames, channels)).astype("f") * 0.1


def refused(result: subprocess.CompletedProcess, *words: str) -> None:
    """Assert one clear line on stderr that holds `words`, exit code 2, no traceback."""
    assert result.returncode == 2, result
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("rtdenoise: "), result.stderr
    for word in words:
        assert word in lines[0], lines[0]


def only(folder: Path, *names: str) -> None:
    """Assert that the folder holds these names and nothing else."""
    assert sorted(p.name for p in folder.iterdir()) == sorted(names)


def names(folder: Path) -> list[str]:
    """Return the files of a folder and of its folders, by their paths within it."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
