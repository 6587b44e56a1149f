"""The steady floor goes down by what is asked for; the voice, and what is quiet, stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from train.data.banks import Clip
from train.data.floors import lower_floors

RATE = 48_000


def recording(floor: float, seconds: float = 3.0, seed: int = 0, speaker: str = "a"):
    """A tone in bursts, and hiss `floor` dB below it."""
    time = np.arange(round(seconds * RATE)) / RATE
    voice = 0.2 * np.sin(2 * np.pi * 300 * time) * (time % 1 < 0.5)
    hiss = np.random.default_rng(seed).standard_normal(len(time))
    audio = voice + 10 ** (floor / 20) * 0.14 * hiss
    clip = Clip("a.wav", speaker, level=-17, floor=-17 + floor, length=len(time))
    return np.round(32767 * audio).astype(np.int16), clip


def level(samples: np.ndarray) -> float:
    return 10 * np.log10(np.square(samples.astype(float)).mean())


def pause(samples: np.ndarray) -> np.ndarray:
    return samples[round(1.55 * RATE) : round(1.95 * RATE)]


@pytest.mark.parametrize("by", [6, 18])
def test_the_floor_goes_down_and_the_voice_stays(by):
    [(samples, clip)] = lower_floors([recording(-40)], by)
    before, _ = recording(-40)
    assert level(pause(before)) - level(pause(samples)) == pytest.approx(by, abs=1.5)
    loud = slice(round(1.05 * RATE), round(1.45 * RATE))
    assert level(samples[loud]) - level(before[loud]) == pytest.approx(0, abs=0.05)
    assert samples.dtype == np.int16 and len(samples) == len(before) and clip.floor == -57


def test_a_faint_floor_and_digital_silence_stay():
    faint, _ = recording(-70)
    [(samples, _)] = lower_floors([recording(-70)], 18)
    assert np.array_equal(samples, faint)
    silent = np.zeros(RATE, np.int16)
    [(samples, _)] = lower_floors([(silent, Clip("a", "a", level=-20, floor=-60))], 18)
    assert np.array_equal(samples, silent)


def test_words_without_a_pause_share_the_floor_of_their_speaker_only():
    word = recording(-40, 0.4)  # all of it is voice
    alone = next(lower_floors([word], 18))[0]
    before = recording(-40, 0.4)[0]
    assert np.array_equal(alone, before)  # too short for an estimate
    long = recording(-40, 3, 1)
    _, (among, _) = lower_floors([long, recording(-40, 0.4)], 18)
    assert not np.array_equal(among, before)
    _, (other, _) = lower_floors([long, recording(-40, 0.4, speaker="b")], 18)
    assert np.array_equal(other, before)
