"""The commands of `python -m benchmarks`: one module for each room that measures.

A command reads options and imports its benchmark only when it runs, so that help stays fast.
`benchmarks.__main__` takes COMMANDS from here.
"""

from __future__ import annotations

from collections.abc import Callable

from .live import browser, soak
from .reporting import readme
from .sound import bakeoff, diagnose, gradients, heldout, losses, precision, quality, spectrograms
from .speed import files, gpu_check, latency, stream, throughput, training

COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Sound quality": (
        quality,
        heldout,
        bakeoff,
        diagnose,
        losses,
        gradients,
        precision,
        spectrograms,
    ),
    "Speed": (latency, stream, throughput, files, training, gpu_check),
    "Live audio": (soak, browser),
    "Reporting": (readme,),
}

__all__ = ["COMMANDS"]
