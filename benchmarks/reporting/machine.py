"""Describes the machine that a measurement was made on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Describe command, commit, system, processor, load, versions, and the GPU if there is one."""
    import onnxruntime

    return {
        "command": "python -m benchmarks " + " ".join(sys.argv[1:]),
        "commit": _commit(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_average": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else [],
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "gpu": _gpu(),
    }


def sentence(machine: dict[str, Any] | None = None) -> str:
    """Return the result of `describe` as text in one line."""
    found = machine or describe()
    gpu = "" if found["gpu"] == "none" else f", {found['gpu']}"
    return (
        f"Made by `{found['command']}` at {found['commit']}. Machine: {found['processor']}, "
        f"{found['cores']} cores{gpu}; load average {found['load_average']}; Python "
        f"{found['python']}, onnxruntime {found['onnxruntime']}."
    )


def _commit() -> str:
    """Return the commit of the code, with a plus if files differ from it."""
    command = ["git", "describe", "--always", "--dirty=+"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent)
    return result.stdout.strip() or "an unknown commit"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _gpu() -> str:
    from rtdenoise.inference import has_cuda_driver

    if not has_cuda_driver():
        return "none"
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "not visible to torch"
