"""ROOM train.losses"""

from __future__ import annotations

from .multi_resolution import MultiResolutionLoss
from .seed_stft import STFTLoss

__all__ = ["MultiResolutionLoss", "STFTLoss"]
