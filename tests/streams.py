"""What the tests of streams share: noise, and any audio cut into chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def noise(frames: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """White noise [frames, channels] at -20 dBFS; [frames] where it is mono."""
    audio = np.random.default_rng(seed).normal(0, 0.1, (frames, channels)).astype("f")
    return audio[:, 0] if channels == 1 else audio


def chunks(audio: Any, longest: int, seed: int = 1) -> Iterator[Any]:
    """Cut anything with a length into chunks of 0 to `longest`."""
    rng, start = np.random.default_rng(seed), 0
    while start < len(audio):
        size = int(rng.integers(0, longest + 1))
        yield audio[start : start + size]
        start += size
