"""Training: python -m train. The seed's names live here."""

from __future__ import annotations

import importlib
from typing import Any

_NAMES = {
    "STFT": ".losses.seed_stft",
    "STFTLoss": ".losses.seed_stft",
    "AudioDataset": ".data.paired_dataset",
    "AudioDiffusionModel": ".networks.baseline",
    "sinusoidal_embedding": ".networks.embedding",
    "train_diffusion_model": ".loop",
    "denoise_audio": "rtdenoise",
}
__all__ = list(_NAMES)


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for."""
    if name not in _NAMES:
        raise AttributeError(f"module 'train' has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name], "train"), name)
