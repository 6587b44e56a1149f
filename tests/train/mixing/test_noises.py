"""Recorded noise, alone and several at once."""

from __future__ import annotations

import pytest
import torch

from rtdenoise.errors import RtdenoiseError
from train.mixing.noises import Noises
from train.mixing.recipe import Recipe
from train.mixing.synthetic_noise import Draw


def test_recipe_says_how_many_noises_there_are_at_once(corpus):
    heard = []
    for layers in ([1], [1, 1, 1], [0, 1]):
        noises = Noises(corpus.noise, 24_000, Recipe.of({"layers": layers}))
        noises._cuts = lambda _, count: torch.ones(count, 24_000)
        heard.append(noises.recorded(Draw(5, "cpu"), 32).mean(-1))
    assert (heard[0] <= 1.001).all() and (heard[1] > 0.7).all() and (heard[1] > 1.5).any()
    assert (heard[2] > 0.2).all() and (heard[2] <= 1.001).all()
    for none in ([], [1.5], 0.5, ["all"]):
        with pytest.raises(RtdenoiseError, match="recipe: layers is a list of shares"):
            Recipe.of({"layers": none})
