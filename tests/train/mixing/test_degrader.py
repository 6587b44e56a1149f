"""Degradations: a pure function of (seed, step), finite and in range."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from rtdenoise.errors import RtdenoiseError
from train.data.banks import Bank, Clip
from train.data.corpus import Corpus
from train.mixing.degrader import Degrader
from train.mixing.recipe import PLAIN, Recipe


def test_a_step_is_repeatable_and_steps_differ(corpus):
    a, b = Degrader(corpus, 4, 48_000, seed=1), Degrader(corpus, 4, 48_000, seed=1)
    b.batch(3)
    assert torch.equal(a.batch(5).noisy, b.batch(5).noisy)
    assert not torch.equal(a.batch(5).noisy, a.batch(6).noisy)


def test_some_recordings_begin_late_out_of_digital_silence(corpus):
    batch = Degrader(corpus, 64, 72_000).batch(0)
    heard = batch.noisy[:, 0].abs() > 0
    begins = heard.float().argmax(-1) / 48_000
    late = begins > 0.01
    assert abs(late.float().mean() - Recipe().late) < 0.15 and begins.max() <= 1.01
    for row, start in enumerate((begins * 48_000).long().tolist()):
        assert not batch.clean[row, 0, :start].any()


def test_levels_kinds_and_ranges(corpus):
    source = Degrader(corpus, 16, 24_000)
    batches = [source.batch(i) for i in range(20)]
    noisy = torch.cat([b.noisy for b in batches])[:, 0]
    clean = torch.cat([b.clean for b in batches])[:, 0]
    assert noisy.shape == clean.shape == (320, 24_000)
    assert noisy.isfinite().all() and clean.isfinite().all() and noisy.abs().max() <= 1.0 + 1e-6
    level = 20 * torch.log10(noisy.square().mean(-1).sqrt())
    sounding = level.isfinite()  # noise alone that rests all the while is silence
    assert sounding.float().mean() > 0.98
    level = level[sounding]
    assert level.min() > -50 and level.max() < -4 and level.std() > 5
    silent = (clean.abs().amax(-1) == 0).float().mean()
    same = ((noisy - clean).abs().amax(-1) < 1e-6).float().mean()
    noise, clean = Recipe().only_noise, Recipe().only_clean
    assert noise / 2 < silent < 2 * noise and clean / 2 < same < 2 * clean


def test_recipe_says_what_clips_suffer(corpus):
    settings = dataclasses.asdict(PLAIN) | {"only_clean": 1, "only_noise": 0}
    plain = Degrader(corpus, 64, 24_000, recipe=Recipe.of(settings)).batch(0)
    limited = Degrader(corpus, 64, 24_000, recipe=Recipe.of(settings | {"low_pass": 1})).batch(0)
    assert torch.allclose(plain.noisy, plain.clean, atol=1e-6)
    known = limited.bandwidth == 24_000  # the limit lies within what the recording has
    assert (plain.bandwidth < 24_000).any() and known.any() and not known.all()
    assert torch.equal(limited.bandwidth[~known], plain.bandwidth[~known])
    with pytest.raises(RtdenoiseError, match="no share is called 'rooms': only_noise, "):
        Recipe.of({"rooms": 0.5})
    for share in (3400, "much", None):
        with pytest.raises(RtdenoiseError, match=f"low_pass is a share from 0 to 1, not {share}"):
            Recipe.of({"low_pass": share})


def test_digital_silence_is_not_the_rule(monkeypatch):
    monkeypatch.setattr("train.mixing.segment_sampler.WARPED", 0)
    samples = torch.zeros(480_000, dtype=torch.int16)
    samples[::480][::2] = 9000
    samples[200_000:300_000] = 0
    bank = Bank(samples, [Clip("a", "anna", length=len(samples))])
    empty = Bank(samples[:0], [])
    recipe = Recipe(only_clean=1, only_noise=0, speech_eq=0, room=0, low_pass=0, late=0, formants=0)
    source = Degrader(Corpus(bank, empty, empty), 64, 96_000, recipe=recipe)
    batches = [source.batch(step) for step in range(4)]
    clean = torch.cat([batch.clean[:, 0] for batch in batches])
    noisy = torch.cat([batch.noisy[:, 0] for batch in batches])
    silent = (clean.unflatten(-1, (-1, 960)).abs().amax(-1) < 1e-7).any(-1)
    assert 0.12 < silent.float().mean() < 0.3  # 0.4 hold a silent frame, and half of them a floor
    assert torch.allclose(clean, noisy, atol=1e-6)
