"""Makes noisy speech from clean speech and noise, batch by batch, on the training device.

This room imports `data` and `rtdenoise`; `sources` puts its parts together for the training loop.
"""

from __future__ import annotations

from .degrader import Degrader
from .prefetch import Prefetcher
from .recipe import PLAIN, Recipe

__all__ = ["Prefetcher", "Degrader", "PLAIN", "Recipe"]
