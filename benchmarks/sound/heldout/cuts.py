"""A word that was cut out of a recording: digital silence, then the room, and soon the word.

Word lists, prompts and what a noise gate lets through sound like that. The room comes so shortly
before the word, with rumble as many microphones have it, that a denoiser may take both for a bang.
"""

from __future__ import annotations

import numpy as np

from rtdenoise.constants import SAMPLE_RATE

from .levels import ACTIVE_RANGE, FRAME, LOWEST, Audio, band, frame_levels, gain, voice_over_error

SILENCE = 4 * SAMPLE_RATE // 5  # samples before the cut
LEAD = 3 * SAMPLE_RATE // 25  # samples of the room before the word, 120 ms
BEGINNING = 3 * SAMPLE_RATE // 20  # samples of the word, 150 ms
ROOM, RUMBLE = -45, -20  # dB beside the clip: what is steady, and what lies from 20 to 60 Hz
WORD = SILENCE + LEAD  # sample at which the word begins


def cut_word(clean: Audio) -> Audio:
    """Return silence, 120 ms of room, and `clean` in it from its first word on, [samples] too."""
    levels = frame_levels(clean)
    first = int(np.argmax(levels > levels.max() - ACTIVE_RANGE)) * FRAME
    word = clean[first:]
    noise = np.random.default_rng(51).standard_normal(LEAD + len(word)).astype(np.float32)
    room = _at(noise, word, ROOM) + _at(band(noise, 20, 60), word, RUMBLE)
    room[LEAD:] += word
    return np.concatenate([np.zeros(SILENCE, np.float32), room])[: len(clean)]


def _at(noise: Audio, word: Audio, db: float) -> Audio:
    return noise * (gain(db) * np.float32(word.std() / noise.std()))


def voice_after_cut(recording: Audio, estimate: Audio) -> float:
    """Return the voice over the error, in dB above 80 Hz, in the first 150 ms of the word."""
    part = slice(WORD, WORD + BEGINNING)
    return voice_over_error(band(recording, LOWEST)[part], band(estimate, LOWEST)[part])
