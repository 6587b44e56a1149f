"""By how much noise goes down in a pause, moment by moment after the voice has stopped.

As long as a voice is within reach of a denoiser's memory, it may take a siren, an animal or an
engine for more of it. Scores of whole clips hardly show that, since recordings of a corpus have few
pauses.
"""

from __future__ import annotations

import numpy as np

from rtdenoise.constants import SAMPLE_RATE

from .levels import Audio, noise_level, voice_over_error

BEGIN, LENGTH = 3 * SAMPLE_RATE // 2, 3 * SAMPLE_RATE // 2  # samples: 1.5 s of voice, then pause
FADE = SAMPLE_RATE // 50  # samples, 20 ms at both ends of the pause
SLOT = SAMPLE_RATE // 10  # samples
SLOTS = (0, 1, 2, 3, 4, 6, 8, 10, 12)  # tenths of a second after the voice
AFTER = SAMPLE_RATE // 5  # samples of the voice that follows, where its beginning may be lost


def insert_pause(clean: Audio) -> Audio:
    """Return `clean` [samples] with a pause after 1.5 s, and what followed it later."""
    down = np.linspace(1, 0, FADE, dtype=np.float32)
    before, after = clean[:BEGIN].copy(), clean[BEGIN : len(clean) - LENGTH].copy()
    before[-FADE:] *= down
    after[:FADE] *= down[::-1]
    return np.concatenate([before, np.zeros(LENGTH, np.float32), after])


def noise_in_pause(noise: Audio, estimate: Audio) -> dict[str, float]:
    """Return "pause T" for each tenth T of a second: by how many dB the noise went down in it.

    A slot in which the noise itself rests is left out (NaN), as nothing can be taken from it.
    """
    loudness = noise_level(noise) - 20
    found = {}
    for slot in SLOTS:
        part = slice(BEGIN + slot * SLOT, BEGIN + (slot + 1) * SLOT)
        level = noise_level(noise[part])
        down = min(level - noise_level(estimate[part]), 80.0)  # digital silence is no 200 dB
        found[f"pause {slot / 10}"] = down if level > loudness else np.nan
    return found


def voice_after_pause(clean: Audio, estimate: Audio) -> float:
    """Return the voice over the error, in dB, in the first 200 ms of voice after the pause."""
    part = slice(BEGIN + LENGTH, BEGIN + LENGTH + AFTER)
    return voice_over_error(clean[part], estimate[part])
