"""The training losses: the STFT loss of preset `baseline` and the loss of preset `default`.

This room imports `rtdenoise` only; the training loop imports it.
"""

from __future__ import annotations

from .multi_resolution import MultiResolutionLoss, check_weights
from .seed_stft import STFTLoss

__all__ = ["MultiResolutionLoss", "STFTLoss", "check_weights"]
