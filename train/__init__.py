"""Training: `python -m train`.

The names of the seed pipeline (`STFTLoss`, `AudioDiffusionModel`, ...) are imported from here. They
load when they are first asked for, because torch takes seconds to import.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

# First of all: importing rtdenoise switches off the telemetry of other libraries.
from rtdenoise.command import report_import_errors

report_import_errors("train", extra="train")
__path__.append(str(Path(__file__).with_name("moved")))  # old module names, for one release

_NAMES = {
    "STFT": ".losses.seed_stft",
    "STFTLoss": ".losses.seed_stft",
    "AudioDataset": ".data.paired_dataset",
    "AudioDiffusionModel": ".networks.baseline",
    "sinusoidal_embedding": ".networks.embedding",
    "train_diffusion_model": ".loop",
    "denoise_audio": "export.denoise",  # exports a checkpoint first; only looked up by name
}
__all__ = list(_NAMES)


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for."""
    if name not in _NAMES:
        raise AttributeError(f"module 'train' has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name], "train"), name)
