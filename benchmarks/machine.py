"""The machine of a measurement."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Describe system, processor, cores, load, versions, and the GPU where there is one."""
    import onnxruntime

    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_average": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else [],
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "gpu": _gpu(),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _gpu() -> str:
    from rtdenoise.session import has_cuda_driver

    if not has_cuda_driver():
        return "none"
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "not seen by torch"
