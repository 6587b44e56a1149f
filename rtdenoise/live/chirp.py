"""A chirp to measure delays with, and how to find it in a recording."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE

Audio = NDArray[np.float32]
CHIRP_SECONDS = 0.25
CHIRP_BAND = (300, 8000)  # Hz


def chirp(level: float = 0.3) -> Audio:
    """Return a linear sine sweep over `CHIRP_BAND` with faded ends, [frames]."""
    t = np.arange(int(CHIRP_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    low, high = CHIRP_BAND
    phase = 2 * np.pi * (low * t + (high - low) * t**2 / (2 * CHIRP_SECONDS))
    fade = np.minimum(1, np.minimum(t, CHIRP_SECONDS - t) / 0.01)
    return (level * fade * np.sin(phase)).astype(np.float32)


def find_signal(reference: Audio, recording: Audio) -> tuple[int, float]:
    """Return where `reference` starts in `recording`, and the normalised correlation there, 0..1.

    Both are [frames]; the search is a cross-correlation through the FFT.
    """
    size = 1 << (len(reference) + len(recording)).bit_length()
    product = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.fft.irfft(product, size)[: len(recording) - len(reference) + 1]
    at = int(np.argmax(np.abs(correlation)))
    piece = recording[at : at + len(reference)]
    norm = float(np.linalg.norm(piece) * np.linalg.norm(reference))
    return at, float(abs(correlation[at])) / (norm + 1e-9)
