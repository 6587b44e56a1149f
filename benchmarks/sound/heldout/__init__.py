"""Scores on voices and noises of sources that training never heard, beside DeepFilterNet 3."""

from __future__ import annotations

from .benchmark import QUICK_CLIPS, Choice, heldout

__all__ = ["QUICK_CLIPS", "Choice", "heldout"]
