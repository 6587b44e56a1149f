"""Speech metrics relative to a clean reference: PESQ-WB, ESTOI, SI-SDR."""

from __future__ import annotations

import math

import numpy as np
import soxr
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE

Audio = NDArray[np.float32]


def si_sdr(clean: Audio, estimate: Audio) -> float:
    """Scale-invariant SDR of [samples] in dB (Le Roux et al., arXiv:1811.02508)."""
    clean, estimate = clean - clean.mean(), estimate - estimate.mean()
    projection = np.dot(estimate, clean) / (np.dot(clean, clean) + 1e-12) * clean
    error = estimate - projection
    ratio = (np.dot(projection, projection) + 1e-12) / (np.dot(error, error) + 1e-12)
    return float(10 * np.log10(ratio))


def speech_metrics(
    clean: Audio, estimate: Audio, sample_rate: int = SAMPLE_RATE
) -> dict[str, float]:
    """Return PESQ-WB, ESTOI and SI-SDR of [samples]; NaN if PESQ finds no speech."""
    from pesq import NoUtterancesError, pesq
    from pystoi import stoi

    a, b = (soxr.resample(x, sample_rate, 16_000) for x in (clean, estimate))
    try:
        quality = float(pesq(16_000, a, b, "wb"))
    except NoUtterancesError:
        quality = math.nan
    return {
        "pesq": quality,
        "estoi": float(stoi(a, b, 16_000, extended=True)),
        "si_sdr": si_sdr(clean, estimate),
    }
