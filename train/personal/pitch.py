"""Whether a recording holds voices of two pitches. Voices of like pitch cannot be told this way."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from rtdenoise.constants import SAMPLE_RATE

RATE = 8000  # Hz
WINDOW, HOP = 400, 200  # samples: 50 ms, 25 ms
LOWEST, HIGHEST = 70.0, 400.0  # Hz
VOICED = 0.6  # normalised autocorrelation
BLOCK = 4.0  # seconds over which a voice keeps its pitch, on the median
LEAST_VOICED = 20  # frames of a block
# A speaker's blocks spread over 5 semitones or less; a man and a woman are 10 apart.
GAP, LEAST_SHARE = 7.0, 0.2  # semitones between two groups; share of the smaller one


def two_pitches(audio: NDArray[np.float32]) -> tuple[float, float] | None:
    """Return the pitches in Hz of two groups of blocks that lie apart, or None."""
    pitch = np.sort(12 * np.log2(block_pitches(audio)))  # semitones
    if len(pitch) < 4:
        return None
    at = range(1, len(pitch))
    # Otsu's threshold: the division with the least variance within the groups.
    within = [pitch[:i].var() * i + pitch[i:].var() * (len(pitch) - i) for i in at]
    best = int(np.argmin(within)) + 1
    low, high = np.median(pitch[:best]), np.median(pitch[best:])
    if high - low < GAP or min(best, len(pitch) - best) < LEAST_SHARE * len(pitch):
        return None
    return float(2 ** (low / 12)), float(2 ** (high / 12))


def block_pitches(audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the median pitch in Hz of each block with enough voiced frames.

    The pitch of a frame is the first high peak of its autocorrelation, divided by that of the
    window (Boersma, Proc. Institute of Phonetic Sciences Amsterdam 17 (1993) 97).
    """
    low = soxr.resample(audio, SAMPLE_RATE, RATE)
    if len(low) < WINDOW:
        return np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(low, WINDOW)[::HOP].astype(np.float64)
    window = np.hanning(WINDOW)
    norm = _autocorrelation(window[None])[0]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window
    level = np.square(frames).sum(axis=1)
    correlation = _autocorrelation(frames) / norm
    correlation /= correlation[:, :1] + 1e-9
    lags = np.arange(int(RATE / HIGHEST), int(RATE / LOWEST) + 1)
    part = correlation[:, lags]
    strong = part > 0.9 * part.max(axis=1, keepdims=True)  # the first: not a multiple of the period
    lag = lags[strong.argmax(axis=1)]
    voiced = (part.max(axis=1) > VOICED) & (level > 1e-3 * np.percentile(level, 95))
    pitches = RATE / lag
    size = int(BLOCK * RATE / HOP)
    blocks = [slice(i, i + size) for i in range(0, len(pitches), size)]
    found = [pitches[b][voiced[b]] for b in blocks]
    return np.array([np.median(f) for f in found if len(f) >= LEAST_VOICED])


def _autocorrelation(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the autocorrelation [n, WINDOW] of frames [n, WINDOW]."""
    spectrum = np.fft.rfft(frames, 2 * WINDOW)
    return np.fft.irfft(np.square(np.abs(spectrum)))[:, :WINDOW]
