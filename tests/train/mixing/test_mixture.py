"""What is mixed: SNR, pauses, rumble to keep and to remove."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.signal import butter, sosfilt

from rtdenoise.errors import RtdenoiseError
from train.data.banks import Bank, Clip
from train.data.corpus import Corpus
from train.mixing.degrader import Degrader
from train.mixing.recipe import PLAIN, Recipe
from train.mixing.synthetic_noise import Draw


def test_recipe_says_how_loud_the_noise_is(corpus):
    settings = dataclasses.asdict(PLAIN) | {"only_clean": 0, "only_noise": 0, "clipped": 0}
    settings |= {"snr": [[3, 3, 1], [20, 25, 1]]}
    batch = Degrader(corpus, 64, 24_000, recipe=Recipe.of(settings)).batch(0)
    noise = (batch.noisy - batch.clean)[:, 0]
    low = batch.clean[:, 0].square().mean(-1) / noise.square().mean(-1) < 10
    assert 16 < low.sum() < 48
    for none in ([], 5, [[0, 5]], [[5, 0, 1]], [[0, 5, 0]], [[0, "loud", 1]], [[0, math.nan, 1]]):
        with pytest.raises(RtdenoiseError, match="recipe: snr is a list of"):
            Recipe.of({"snr": none})


def spoken(seconds: int = 10) -> Corpus:
    """A voice without pauses, and noise whose power lies below 80 Hz mostly."""
    g = torch.Generator().manual_seed(0)
    spectrum = torch.fft.rfft(torch.randn(2, seconds * 48_000, generator=g))
    frequency = torch.linspace(0, 24_000, spectrum.shape[-1])
    spectrum[0, (frequency < 100) | (frequency > 8000)] = 0
    spectrum[1, (frequency > 30) & (frequency < 300)] = 0
    spectrum[1, frequency <= 30] *= 100
    sound = torch.fft.irfft(spectrum)
    sound = (sound / sound.abs().amax(-1, keepdim=True) * 30_000).to(torch.int16)
    banks = [Bank(x, [Clip(f"{i}", "s/x", length=len(x))]) for i, x in enumerate(sound)]
    return Corpus(banks[0], banks[1], Bank(sound[0][:0], []))


def test_snr_counts_what_lies_above_80_hz():
    settings = dataclasses.asdict(PLAIN) | {"only_clean": 0, "only_noise": 0, "clipped": 0}
    batch = Degrader(spoken(), 120, 48_000, recipe=Recipe.of(settings)).batch(0)
    sos = butter(8, 80, "highpass", fs=48_000, output="sos")
    voice, noise = (
        20 * np.log10(sosfilt(sos, x[:, 0].numpy())[:, 9600:].std(-1))
        for x in (batch.clean, batch.noisy - batch.clean)
    )
    snr = voice - noise
    assert -12 < snr.min() < -8 and 24 < snr.max() < 31
    assert 0.4 < np.mean(snr < 5) < 0.6 and 0.25 < np.mean((snr > 5) & (snr < 16)) < 0.45


@pytest.mark.parametrize("kind", ["pauses", "lead"])
@pytest.mark.parametrize(("share", "only_clean"), [(0.0, 0), (0.5, 0), (1.0, 1)])
def test_recipe_says_how_many_noisy_clips_have_a_pause(kind, share, only_clean):
    settings = dataclasses.asdict(PLAIN) | {"only_noise": 0, "clipped": 0, kind: share}
    recipe = Recipe.of(settings | {"only_clean": only_clean})
    batch = Degrader(spoken(), 64, 96_000, recipe=recipe).batch(0)
    power = batch.clean[:, 0].unflatten(-1, (-1, 960)).square().mean(-1)
    paused = (power < 1e-4 * power.amax(-1, keepdim=True)).any(-1)
    expected = 0 if only_clean else 0.85 * share  # some stand in the pre-roll
    assert abs(paused.float().mean() - expected) < 0.2
    heard = (batch.noisy - batch.clean)[:, 0].unflatten(-1, (-1, 960)).square().mean(-1)
    assert only_clean or (heard > 0).all()  # the noise goes on


@pytest.mark.parametrize(("corner", "kept"), [(0, 1.0), (50, 0.1)])
def test_the_recording_s_own_rumble_is_kept_or_not(corner, kept):
    settings = dataclasses.asdict(PLAIN) | {"only_clean": 1, "only_noise": 0, "clipped": 0}
    corpus = spoken()
    wave = 3000 * torch.sin(2 * torch.pi * 20 * torch.arange(len(corpus.clean.samples)) / 48_000)
    corpus.clean.samples[:] = wave.to(torch.int16)
    recipe = Recipe.of(settings | {"high_pass": corner})
    source = Degrader(corpus, 8, 48_000, recipe=recipe, speech_rates=(1.0, 1.0))
    speech, _ = source.talkers.speech(Draw(0, "cpu"), torch.ones(source.size, dtype=torch.bool))
    wet, target, *_ = source.filters.apply(Draw(1, "cpu"), speech, torch.randn_like(speech))
    loud = target.square().mean().sqrt() / speech.square().mean().sqrt()
    assert loud == pytest.approx(kept, rel=0.05) if corner == 0 else loud < kept
    assert torch.equal(wet, target)
    with pytest.raises(RtdenoiseError, match="recipe: high_pass is a frequency in Hz, not -1"):
        Recipe.of({"high_pass": -1})


def test_rumble_is_loud_in_the_input_and_absent_from_the_target():
    settings = dataclasses.asdict(PLAIN) | {"only_clean": 0, "only_noise": 0, "clipped": 0}
    corpus = spoken()
    corpus.clean.samples += 3000  # a DC offset in the recording
    corpus.noise.samples[:] = torch.tensor([1000, 0, -1000, 0]).repeat(120_000)  # 12 kHz
    batch = Degrader(corpus, 100, 48_000, recipe=Recipe.of(settings | {"rumble": 0.5})).batch(0)
    power = torch.fft.rfft(batch.noisy[:, 0] - batch.clean[:, 0]).abs().square()
    voice = batch.clean[:, 0].square().sum(-1)
    level = 10 * (2 * power[:, :81].sum(-1) / 48_000 / voice).log10()
    rumbling = level > -25
    assert 0.35 < rumbling.float().mean() < 0.65
    assert level.max() > 15 and level[rumbling].min() < -10
    low = torch.fft.rfft(batch.clean[:, 0]).abs().square()[:, :31].sum(-1) * 2 / 48_000
    assert 10 * (low / voice).log10().max() < -30
