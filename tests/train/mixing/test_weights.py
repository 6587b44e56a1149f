"""Voices and noises are drawn by speaker and by class, not by hours; short effects are joined."""

from __future__ import annotations

import pytest
import torch

from rtdenoise.errors import RtdenoiseError
from train.data.banks import Bank, Clip
from train.mixing.recipe import Recipe
from train.mixing.segment_sampler import join_effects
from train.mixing.synthetic_noise import Draw
from train.mixing.talkers import Talkers
from train.mixing.weights import full_band_runs, noise_weights, speaker_weights


def banked(*clips: tuple[str, float, float]) -> Bank:
    """A bank of noise: clips of (speaker, seconds, bandwidth)."""
    rows, position = [], 0
    for name, seconds, bandwidth in clips:
        length = round(seconds * 48_000)
        rows.append(Clip(f"{position}", name, bandwidth=bandwidth, start=position, length=length))
        position += length
    samples = 1000 * torch.randn(position, generator=torch.Generator().manual_seed(0))
    return Bank(samples.to(torch.int16), rows)


def test_speakers_count_not_hours():
    short = [(f"s/{i}", 4.0, 8_000.0) for i in range(100)]
    bank = banked(("s/long", 600.0, 24_000.0), *short, ("s/unknown", 60.0, 8_000.0))
    weight = speaker_weights(bank)
    assert weight[1:101].std() < 1e-6 and 8 < weight[0] / weight[1] < 9  # 600 s against 4 s
    assert weight[-1] / weight[1] == pytest.approx(2 * (30 / 4) ** 0.5)  # two speakers of 30 s
    assert full_band_runs(bank).tolist() == [True] + 101 * [False]


def test_sources_get_their_share_and_within_it_speakers_count():
    names = ["a/1", "a/2", *(f"b/{i}" for i in range(6)), "c/1"]
    bank = banked(*((name, 4.0, 24_000.0) for name in names))
    for clip in bank.clips:
        clip.source = clip.speaker[0]
    weight = speaker_weights(bank, {"a": 0.3, "c": 0.1, "absent": 0.5})
    assert weight[:2].sum() / weight.sum() == pytest.approx(0.3)
    assert weight[-1] / weight.sum() == pytest.approx(0.1)
    assert weight[0] == weight[1] and weight[2:8].std() == 0
    assert torch.equal(speaker_weights(bank)[2:8], weight[2:8])
    for wrong in ({"a": 0}, {"a": 0.6, "b": 0.4}, {"a": "half"}, ["a"]):
        with pytest.raises(RtdenoiseError, match="recipe: sources are shares"):
            Recipe.of({"sources": wrong})


def test_a_share_of_every_batch_has_the_top_octave():
    bank = banked(("s/full", 5.0, 24_000.0), *((f"s/{i}", 5.0, 8_000.0) for i in range(40)))
    for share, low, high in ((0.25, 16, 24), (0.5, 32, 38)):
        _, bandwidth = Talkers(bank, 24_000, Recipe(full_band=share), (1.0, 1.0)).cuts(Draw(0), 64)
        assert low <= int((bandwidth == 24_000).sum()) <= high


def test_noise_classes_count_and_music_is_rare():
    effects = [("game/hit", 0.5, 24_000.0)] * 50
    bank = banked(("a/rain", 600.0, 24_000.0), *effects, ("b/music", 900.0, 24_000.0))
    weight = noise_weights(bank, 0.05)
    assert weight.sum() == pytest.approx(1) and weight[-1] == pytest.approx(0.05)
    assert weight[0] / weight[1:51].sum() == pytest.approx((120 / 25) ** 0.5, rel=1e-4)


def test_short_effects_are_joined_with_pauses():
    bank = banked(*[("game/hit", 0.3, 24_000.0)] * 20)
    clips = torch.zeros(32, dtype=torch.long), torch.full((32,), 20)
    joined = join_effects(bank, clips, (0.9, 1.1), 144_000, Draw(0))
    assert joined.shape == (32, 144_000) and joined.abs().amax(-1).min() > 0.003
    silent = (joined.unflatten(-1, (-1, 480)).abs().amax(-1) < 1e-4).float().mean(-1)
    assert 0.3 < silent.mean() < 0.8
    again = join_effects(bank, clips, (0.9, 1.1), 144_000, Draw(0))
    assert torch.equal(joined, again)
