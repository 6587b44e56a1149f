"""Other denoisers, wrapped so that they can be compared with rtdenoise."""

from __future__ import annotations

from .deepfilternet import DeepFilter
from .deepfilternet2 import DeepFilter2

__all__ = ["DeepFilter", "DeepFilter2", "deepfilternet"]
