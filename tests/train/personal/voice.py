"""A voice with pitch, formants, syllables and pauses, for tests: no recording is needed."""

from __future__ import annotations

import numpy as np

RATE = 48_000
FORMANTS = ((700, 1200, 2600), (300, 2200, 3000), (400, 800, 2500), (500, 1700, 2500))  # Hz


def voice(seconds: float, pitch: float = 120.0, seed: int = 0) -> np.ndarray:
    """Return vowels, one each 0.25 s, with a pause after every fourth, [samples] float32."""
    rng = np.random.default_rng(seed)
    out = [_vowel(pitch * 2 ** rng.uniform(-0.1, 0.1), rng) for _ in range(int(seconds / 0.25))]
    out = [part * (i % 4 != 3) for i, part in enumerate(out)]
    audio = np.concatenate(out)
    return (0.2 * audio / np.abs(audio).max() + 1e-5 * rng.standard_normal(len(audio))).astype("f")


def _vowel(pitch: float, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(RATE // 4) / RATE
    phase = 2 * np.pi * pitch * (time + 0.02 * time**2)
    formants = FORMANTS[rng.integers(len(FORMANTS))]
    audio = np.zeros(len(time))
    for k in range(1, int(6000 / pitch)):
        gain = sum(1 / (1 + ((k * pitch - f) / 120) ** 2) for f in formants) + 0.02
        audio += gain / k**0.5 * np.sin(k * phase)
    return audio * np.sin(np.pi * time / time[-1]) ** 0.7 * 10 ** rng.uniform(-0.3, 0)
