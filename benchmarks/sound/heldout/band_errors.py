"""Where an estimate errs: by frequency and by the level of the clean frame.

The voice is on where the clean spectrum in a band lies within 25 dB of the band's loud frames, and
off where it lies further below.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtdenoise.constants import SAMPLE_RATE

from .levels import ACTIVE_RANGE, Audio, decibel, speech_level

BANDS = (
    (80, 250),
    (250, 500),
    (500, 1000),
    (1000, 2000),
    (2000, 4000),
    (4000, 8000),
    (8000, 16_000),
)  # Hz
# dB below the level of the clip's speech
STEPS = ((0, 10), (10, 20), (20, 30), (30, 40))
WINDOW, HOP = 960, 480  # samples: 20 and 10 ms
LOUD = 95  # percentile of the frames that stands for a band's loud ones
LEAST_FRAMES = 5

Spectrum = NDArray[np.complex128]


def spectrum(audio: Audio) -> Spectrum:
    """Return the short-time spectrum [frames, bins]; a frame's power sums to its mean square."""
    frames = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64), WINDOW)[::HOP]
    window = np.hanning(WINDOW + 1)[:-1]
    return np.fft.rfft(frames * window) * np.sqrt(2 / (WINDOW * np.square(window).sum()))


def errors_by_band(clean: Audio, estimate: Audio, bandwidth: float) -> dict[str, float]:
    """Return "left LOW-HIGH" (dB) and "kept LOW-HIGH" for each band below `bandwidth` Hz.

    left: the power of the error where the voice is off, over the voice's where it is on.
    kept: the gain of the voice where it is on, as a factor; by projection on the clean spectrum,
    so that noise that remains does not count as voice.
    """
    a, b = spectrum(clean), spectrum(estimate)
    found = {}
    for low, high in BANDS:
        if bandwidth < high:
            continue
        bins = slice(-(-low * WINDOW // SAMPLE_RATE), -(-high * WINDOW // SAMPLE_RATE))
        x, y = a[:, bins], b[:, bins]
        power = _power(x)
        on = power > np.percentile(power, LOUD) * 10 ** (-ACTIVE_RANGE / 10)
        name = f"{low}-{high}"
        if on.sum() >= LEAST_FRAMES:
            found[f"kept {name}"] = _projected(x[on], y[on])
        if min(on.sum(), (~on).sum()) >= LEAST_FRAMES:
            left = _power(y[~on] - x[~on]).mean()
            found[f"left {name}"] = float(decibel(left / power[on].mean()))
    return found


def errors_by_level(clean: Audio, estimate: Audio) -> dict[str, float]:
    """Return "error A-B" (dB) and "kept A-B" for frames A to B dB below the clip's speech.

    error: the power of the error over that of the clean frames; kept: as in `errors_by_band`.
    """
    a, b = (spectrum(x)[:, 2:] for x in (clean, estimate))  # above 80 Hz
    power = _power(a)
    below = speech_level(clean) - decibel(power)
    found = {}
    for upper, lower in STEPS:
        # The loudest frames lie above the mean level.
        frames = (below < lower) & ((below >= upper) | (upper == 0))
        if frames.sum() >= LEAST_FRAMES:
            error = _power(b[frames] - a[frames]).sum() / power[frames].sum()
            found[f"error {upper}-{lower}"] = float(decibel(error))
            found[f"kept {upper}-{lower}"] = _projected(a[frames], b[frames])
    return found


def _power(x: Spectrum) -> NDArray[np.float64]:
    return np.square(np.abs(x)).sum(axis=1)


def _projected(clean: Spectrum, estimate: Spectrum) -> float:
    """Return the factor by which `estimate` holds `clean`."""
    return float(np.vdot(clean, estimate).real) / max(float(np.vdot(clean, clean).real), 1e-20)
