"""By how much noise goes down before the first word and in a pause, moment by moment.

As long as a voice is within reach of a denoiser's memory, it may take a siren, an animal or an
engine for more of it; before it has heard any, it may take them for one. Scores of whole clips
hardly show that, since recordings of a corpus have few pauses and begin with a word.
"""

from __future__ import annotations

import numpy as np

from rtdenoise.constants import SAMPLE_RATE

from .levels import Audio, noise_level, voice_over_error

BEGIN, LENGTH = 3 * SAMPLE_RATE // 2, 3 * SAMPLE_RATE // 2  # samples: 1.5 s of voice, then pause
FADE = SAMPLE_RATE // 50  # samples, 20 ms at both ends of the pause
SLOT = SAMPLE_RATE // 10  # samples
SLOTS = (0, 1, 2, 3, 4, 6, 8, 10, 12)  # tenths of a second after the voice
LEAD = SAMPLE_RATE  # samples before the first word
LEAD_SLOTS = (0, 1, 2, 3, 4, 6, 8)  # tenths of a second after the recording begins
AFTER = SAMPLE_RATE // 5  # samples of the voice that follows, where its beginning may be lost


def insert_pause(clean: Audio) -> Audio:
    """Return `clean` [samples] with a pause after 1.5 s, and what followed it later."""
    down = np.linspace(1, 0, FADE, dtype=np.float32)
    before, after = clean[:BEGIN].copy(), clean[BEGIN : len(clean) - LENGTH].copy()
    before[-FADE:] *= down
    after[:FADE] *= down[::-1]
    return np.concatenate([before, np.zeros(LENGTH, np.float32), after])


def insert_lead(clean: Audio) -> Audio:
    """Return a second of silence and then `clean` [samples], as far as there is room."""
    voice = clean[: len(clean) - LEAD].copy()
    voice[:FADE] *= np.linspace(0, 1, FADE, dtype=np.float32)
    return np.concatenate([np.zeros(LEAD, np.float32), voice])


def noise_in_pause(noise: Audio, estimate: Audio) -> dict[str, float]:
    """Return "pause T" for each tenth T of a second: by how many dB the noise went down in it.

    A slot in which the noise itself rests is left out (NaN), as nothing can be taken from it.
    """
    return {f"pause {t / 10}": _down(noise, estimate, BEGIN + t * SLOT) for t in SLOTS}


def noise_in_lead(noise: Audio, estimate: Audio) -> dict[str, float]:
    """Return "lead T", likewise, for each tenth T of a second before the first word."""
    return {f"lead {t / 10}": _down(noise, estimate, t * SLOT) for t in LEAD_SLOTS}


def _down(noise: Audio, estimate: Audio, begin: int) -> float:
    part = slice(begin, begin + SLOT)
    level = noise_level(noise[part])
    down = min(level - noise_level(estimate[part]), 80.0)  # digital silence is no 200 dB
    return down if level > noise_level(noise) - 20 else np.nan


def voice_after_pause(clean: Audio, estimate: Audio) -> float:
    """Return the voice over the error, in dB, in the first 200 ms of voice after the pause."""
    return _beginning(clean, estimate, BEGIN + LENGTH)


def voice_after_lead(clean: Audio, estimate: Audio) -> float:
    """Return it for the first word."""
    return _beginning(clean, estimate, LEAD)


def _beginning(clean: Audio, estimate: Audio, begin: int) -> float:
    part = slice(begin, begin + AFTER)
    return voice_over_error(clean[part], estimate[part])
