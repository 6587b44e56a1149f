"""Makes noisy speech from clean speech and noise, batch by batch, on the training device.

This room imports `data` and `rtdenoise`; `sources` puts its parts together for the training loop.
"""

from __future__ import annotations

from .degrader import Degrader
from .prefetch import Ahead
from .recipe import PLAIN, Recipe

__all__ = ["Ahead", "Degrader", "PLAIN", "Recipe"]
