"""A voice with pitch, formants, syllables and pauses, for tests: no recording is needed.

A network takes a plain buzz in fixed resonances for a siren. So pitch and formants move all the
while, breath goes with each pulse of the glottis, and hisses lie between some vowels.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

RATE = 48_000
SYLLABLE = 0.25  # s; every fourth is a pause
BLOCK = 240  # samples for which a formant stays
VOWELS = np.array(  # Hz, four formants each
    [
        (730, 1090, 2440, 3400),
        (270, 2290, 3010, 3600),
        (570, 840, 2410, 3300),
        (300, 870, 2240, 3300),
        (530, 1840, 2480, 3500),
    ]
)
BANDWIDTHS = 80, 100, 140, 200  # Hz


def voice(seconds: float, pitch: float = 120.0, seed: int = 0) -> np.ndarray:
    """Return syllables, with a pause after every third, [samples] float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(-(-int(seconds * RATE) // BLOCK) * BLOCK) / RATE
    count = int(seconds / SYLLABLE) + 2
    sound = _source(time, pitch, rng)
    centres = np.arange(count) * SYLLABLE + SYLLABLE / 2
    vowels = VOWELS[rng.integers(len(VOWELS), size=count)] * rng.uniform(0.97, 1.03, (count, 1))
    for formant, width in zip(vowels.T, BANDWIDTHS, strict=True):
        sound = _resonate(sound, np.interp(time[::BLOCK], centres, formant), width)
    number, phase = np.divmod(time / SYLLABLE, 1)
    speaks = number % 4 != 3
    loudness = 10 ** rng.uniform(-0.4, 0, count)[number.astype(int)]
    sound *= speaks * loudness * np.sin(np.pi * phase) ** 0.5
    hiss = lfilter([1, -0.9], [1], rng.standard_normal(len(time))) * np.cos(np.pi * phase) ** 40
    hissing = rng.random(count) < 0.6
    hiss *= speaks * hissing[(time / SYLLABLE + 0.5).astype(int)]
    audio = sound / np.abs(sound).max() + 0.05 * hiss / np.abs(hiss).max()
    audio = 0.2 * audio / np.abs(audio).max() + 1e-5 * rng.standard_normal(len(audio))
    return audio[: int(seconds * RATE)].astype("f")


def _source(time: np.ndarray, pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Return the flow through the glottis, differentiated, with breath."""
    knots = np.arange(0, time[-1] + 1, 0.125)
    octaves = np.interp(time, knots, rng.uniform(-0.25, 0.25, len(knots)))
    jitter = 1 + 0.05 * lfilter([0.01], [1, -0.99], rng.standard_normal(len(time)))
    phase = (np.cumsum(pitch * 2**octaves * jitter) / RATE) % 1
    opening = 3 * (phase / 0.6) ** 2 - 2 * (phase / 0.6) ** 3
    closing = np.clip(1 - ((phase - 0.6) / 0.15) ** 2, 0, 1)
    flow = np.where(phase < 0.6, opening, closing)
    breath = 0.05 * rng.standard_normal(len(time)) * (flow + 0.2)
    return 40 * np.diff(flow, prepend=0) + breath


def _resonate(sound: np.ndarray, formant: np.ndarray, width: float) -> np.ndarray:
    """Filter `sound` by a resonance in Hz, one for each block."""
    out, state, radius = [], np.zeros(2), np.exp(-np.pi * width / RATE)
    for block, hertz in zip(sound.reshape(-1, BLOCK), formant, strict=True):
        poles = [1, -2 * radius * np.cos(2 * np.pi * hertz / RATE), radius**2]
        filtered, state = lfilter([sum(poles)], poles, block, zi=state)
        out.append(filtered)
    return np.concatenate(out)
