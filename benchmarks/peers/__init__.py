"""Other denoisers, wrapped so that they can be run beside ours."""

from __future__ import annotations

from .deepfilternet import DeepFilter
from .deepfilternet2 import DeepFilter2

__all__ = ["DeepFilter", "DeepFilter2", "deepfilternet"]
