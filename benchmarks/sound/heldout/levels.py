"""Levels of speech and noise as the signal-to-noise ratio counts them: above 80 Hz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtdenoise.constants import SAMPLE_RATE

Audio = NDArray[np.float32]
LOWEST = 80.0  # Hz; rumble below it hardly masks speech, and must not set the ratio
FRAME = SAMPLE_RATE // 50  # samples, 20 ms
ACTIVE_RANGE = 25.0  # dB; frames further below the loudest one are pauses


def decibel(power: float | NDArray) -> NDArray[np.float64]:
    """Return 10 log10 of a power, finite for 0."""
    return 10 * np.log10(np.maximum(power, 1e-20))


def band(audio: Audio, low: float, high: float = SAMPLE_RATE / 2) -> Audio:
    """Return what `audio` [samples] holds from `low` to `high` Hz."""
    spectrum = np.fft.rfft(audio)
    frequency = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    spectrum[(frequency < low) | (frequency > high)] = 0
    return np.fft.irfft(spectrum, len(audio)).astype(np.float32)


def frame_levels(audio: Audio) -> NDArray[np.float64]:
    """Return the level of each 20 ms frame in dB of full scale, [frames]."""
    count = len(audio) // FRAME
    frames = audio[: count * FRAME].reshape(count, FRAME).astype(np.float64)
    return decibel(np.square(frames).mean(axis=1))


def noise_level(audio: Audio) -> float:
    """Return the level above 80 Hz in dB of full scale."""
    return float(decibel(np.square(band(audio, LOWEST).astype(np.float64)).mean()))


def speech_level(audio: Audio) -> float:
    """Return the level above 80 Hz of the frames that hold speech, in dB of full scale."""
    levels = frame_levels(band(audio, LOWEST))
    active = levels[levels > levels.max() - ACTIVE_RANGE]
    return float(decibel(np.mean(10 ** (active / 10))))


def gain(db: float) -> np.float32:
    """Return the factor of a gain in dB."""
    return np.float32(10 ** (db / 20))


def voice_over_error(clean: Audio, estimate: Audio) -> float:
    """Return the level of `clean` over that of the error of `estimate`, in dB."""
    error = np.square(estimate - clean).mean()
    return float(decibel(np.square(clean).mean()) - decibel(error))
