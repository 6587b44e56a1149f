"""Noise to remove: recorded, synthesised, babble, or several of them at once."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data import Bank
from .levels import unit
from .modulation import envelopes, shift_frequencies
from .recipe import Recipe
from .segment_sampler import cut, join_effects
from .synthetic_noise import Draw, clicks, hum, keys, stationary
from .talkers import Talkers
from .tonal_noise import calls, tones
from .weights import noise_weights

# Playing noise faster or slower makes new machines of few recordings.
NOISE_RATES = 0.5, 1.6
# Synthesised noise, and the chance of each kind in a clip that has any.
SYNTHETIC = (
    (stationary, 0.4),
    (hum, 0.2),
    (keys, 0.3),
    (clicks, 0.15),
    (tones, 0.3),
    (calls, 0.3),
)
TALKERS = 4  # of babble, at once


class Noises:
    """Draws noise [batch, length] from a bank, between the two factors `rates` as fast."""

    def __init__(
        self,
        bank: Bank,
        length: int,
        recipe: Recipe,
        rates: tuple[float, float] = NOISE_RATES,
    ) -> None:
        self.bank, self.length, self.recipe, self.rates = bank, length, recipe, rates
        self.weights = noise_weights(bank, recipe.music / max(1.0, sum(recipe.layers)))
        self.class_of = torch.repeat_interleave(bank.run_last - bank.run_first)

    def draw(self, draw: Draw, batch: int, talkers: Talkers) -> tuple[Tensor, Tensor]:
        """Return noise [batch, length], and which of it is babble of `talkers`, bool [batch, 1]."""
        noise = self.recorded(draw, batch) * draw.chance(self.recipe.recorded, batch, 1)
        self._add_synthesised(draw, noise)
        rows = draw.chance(self.recipe.pulsing, batch).nonzero()[:, 0]
        if len(rows):
            noise[rows] *= envelopes(draw, len(rows), self.length)
        kind = draw.uniform(0, 1, batch, 1)
        babble = torch.zeros_like(noise)
        rows = (kind[:, 0] < self.recipe.babble).nonzero()[:, 0]
        for _ in range(TALKERS if len(rows) else 0):
            talker = unit(talkers.cuts(draw, len(rows))[0])
            babble[rows] += talker * draw.uniform(0, 1, len(rows), 1)
        alone = kind < 2 / 3 * self.recipe.babble
        noise = torch.where(alone, babble, unit(noise) + 0.7 * unit(babble))
        return noise, kind < self.recipe.babble

    def recorded(self, draw: Draw, batch: int) -> Tensor:
        """Return one recorded noise, or several at once, [batch, length]."""
        out = torch.zeros(batch, self.length, device=draw.device)
        if not len(self.bank):
            return stationary(draw, batch, self.length)
        for share in self.recipe.layers:
            rows = draw.chance(share, batch).nonzero()[:, 0]
            if len(rows):
                noise = self._cuts(draw, len(rows))
                out[rows] += unit(noise) * 10 ** (draw.uniform(-0.6, 0, len(rows), 1))
        return out

    def _cuts(self, draw: Draw, count: int) -> Tensor:
        """Return noises [count, length]: half of the short ones repeated, half joined to others."""
        bank = self.bank
        pick = draw.choice(self.weights, count).cpu()
        short = (bank.lengths[pick] < self.length) & draw.chance(0.5, count).cpu()
        region = bank.starts[pick], bank.lengths[pick]
        noise, _, _ = cut(bank, region, self.rates, self.length, draw)
        if short.any():
            of = self.class_of[pick[short]]
            clips = bank.run_first[of], bank.run_last[of]
            noise[short] = join_effects(bank, clips, self.rates, self.length, draw)
        rows = draw.chance(self.recipe.reversed, count)
        noise[rows] = noise[rows].flip(-1)
        rows = draw.chance(self.recipe.shifted, count)
        if rows.any():
            noise[rows] = shift_frequencies(draw, noise[rows])
        return noise

    def _add_synthesised(self, draw: Draw, noise: Tensor) -> None:
        """Add synthesised noise to a share of the clips, and to those that have no noise yet."""
        batch, length = noise.shape
        use = draw.chance(self.recipe.synthesised, batch) | (noise.abs().amax(-1) == 0)
        chances = torch.tensor([share for _, share in SYNTHETIC], device=draw.device)[:, None]
        shape = len(SYNTHETIC), batch
        which = draw.chance(chances, *shape) * 10 ** draw.uniform(-1, 0, *shape)
        which[0] += which.sum(0) == 0
        for gain, (synthesise, _) in zip(which * use, SYNTHETIC, strict=True):
            rows = gain.nonzero()[:, 0]  # synthesis is costly: only the clips that use it
            if len(rows):
                noise[rows] += gain[rows, None] * unit(synthesise(draw, len(rows), length))
