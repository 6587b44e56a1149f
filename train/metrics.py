"""Mean speech metrics of validation clips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtdenoise.compare import speech_metrics

Audio = NDArray[np.float32]


def mean_metrics(pairs: list[tuple[Audio, Audio]]) -> dict[str, float]:
    """Average over (clean, estimate) pairs; silent targets and NaN are left out."""
    rows = [speech_metrics(c, e) for c, e in pairs if np.abs(c).max() > 1e-3]
    if not rows:
        return {}
    return {key: float(np.nanmean([row[key] for row in rows])) for key in rows[0]}
