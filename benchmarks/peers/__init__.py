"""Other denoisers, wrapped so that they can be run beside ours."""

from __future__ import annotations

from .deepfilternet import DeepFilter

__all__ = ["DeepFilter", "deepfilternet"]
