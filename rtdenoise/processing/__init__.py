"""ROOM rtdenoise.processing"""

from __future__ import annotations

from .processor import Processor, check_mix
from .resampler import Resampler

__all__ = ["Processor", "Resampler", "check_mix"]
