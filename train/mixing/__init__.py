"""ROOM train.mixing"""

from __future__ import annotations

from .degrader import Degrader
from .prefetch import Ahead
from .recipe import PLAIN, Recipe

__all__ = ["Ahead", "Degrader", "PLAIN", "Recipe"]
