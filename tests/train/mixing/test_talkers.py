"""Speech as drawn: faster or slower, with floors."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from rtdenoise.errors import RtdenoiseError
from train.data.banks import Bank, Clip
from train.mixing.recipe import PLAIN, Recipe
from train.mixing.synthetic_noise import Draw
from train.mixing.talkers import SPEECH_RATES, Talkers


def test_recipe_says_how_loud_the_floor_is(corpus):
    settings = dataclasses.asdict(PLAIN) | {"only_clean": 1, "only_noise": 0, "formants": 0}
    speech, _ = Talkers(corpus.clean, 24_000, Recipe.of(settings)).cuts(Draw(7, "cpu"), 16)
    levels = []
    for level in (-80, -30):
        floors = {"floor_level": [level, level], "own_floor_level": [level + 20, level + 20]}
        talkers = Talkers(corpus.clean, 24_000, Recipe.of(settings | {"floor": 1} | floors))
        for noisy in (True, False):
            heard, _ = talkers.speech(Draw(7, "cpu"), torch.full((16,), noisy))
            levels.append(20 * torch.log10((heard - speech).square().mean().sqrt()))
    above = [float(level - levels[0]) for level in levels]
    assert above == pytest.approx([0, 20, 50, 70], abs=1)
    for none in (5, [-80], [-40, -80], [-80, "loud"], [-80, math.inf]):
        for name in ("floor_level", "own_floor_level"):
            with pytest.raises(RtdenoiseError, match=f"recipe: {name} is"):
                Recipe.of({name: none})


def test_playing_faster_raises_pitch_and_bandwidth():
    tone = np.sin(2 * np.pi * 1000 * np.arange(480_000) / 48_000)
    samples = torch.from_numpy((tone * 10_000).astype("int16"))
    bank = Bank(samples, [Clip("a", "anna", bandwidth=10_000.0, length=len(samples))])
    speech, bandwidth = Talkers(bank, 48_000, Recipe()).cuts(Draw(0), 64)
    pitch = torch.fft.rfft(speech).abs().argmax(-1) * 48_000 / speech.shape[-1]
    low, high = SPEECH_RATES
    assert 1000 * low - 2 < pitch.min() < 900 and 1100 < pitch.max() < 1000 * high + 2
    assert torch.allclose(bandwidth / 10, pitch, atol=2)
