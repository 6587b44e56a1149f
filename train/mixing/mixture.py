"""Speech and noise become one recording: SNR, rumble, level and clipping."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .filters import Filtered
from .levels import active_level, level_of
from .modulation import rumble
from .recipe import Recipe
from .synthetic_noise import Draw

LEVEL, SPREAD, LEVELS = -26.0, 9.0, (-45.0, -5.0)  # dB: mean, deviation and range of recordings


class Alone(NamedTuple):
    """Which clips hold noise alone, and which speech alone, bool [batch, 1] each."""

    noise: Tensor
    speech: Tensor

    @classmethod
    def draw(cls, draw: Draw, batch: int, recipe: Recipe) -> Alone:
        """Draw them by the shares of a recipe."""
        kind = draw.uniform(0, 1, batch, 1)
        noise = kind < recipe.only_noise
        return cls(noise, ~noise & (kind < recipe.only_noise + recipe.only_clean))


def mix(
    draw: Draw, parts: Filtered, babble: Tensor, alone: Alone, recipe: Recipe
) -> tuple[Tensor, Tensor]:
    """Return noisy and clean [batch, segment], at most 1 anywhere.

    `babble` tells which noise is babble, bool [batch, 1].
    """
    wet, target, noise, _ = parts
    voice = active_level(wet)
    gain = voice * 10 ** (-_snr(draw, babble, recipe) / 20)
    gain = torch.where(alone.noise, 0.1 / level_of(noise), gain * ~alone.speech)
    wet, target = wet * ~alone.noise, target * ~alone.noise
    target = torch.where(alone.speech, wet, target)  # an undegraded recording stays as it is
    noisy = wet + gain * noise
    rows = (draw.chance(recipe.rumble, len(wet), 1) & ~alone.speech).nonzero()[:, 0]
    if len(rows):
        level = voice[rows] * 10 ** draw.uniform(-1, 1, len(rows), 1)
        noisy[rows] += level * rumble(draw, len(rows), wet.shape[-1])
    return _set_level(draw, noisy, target, ~alone.noise & ~alone.speech, recipe)


def _set_level(
    draw: Draw, noisy: Tensor, target: Tensor, clippable: Tensor, recipe: Recipe
) -> tuple[Tensor, Tensor]:
    """Draw the level of recordings, and clip a share of those that are `clippable` [batch, 1]."""
    batch = len(noisy)
    level = (LEVEL + SPREAD * draw.normal(batch, 1)).clamp(*LEVELS)
    scale = 10 ** (level / 20) / level_of(noisy)
    peak = (noisy * scale).abs().amax(-1, keepdim=True)
    clipped = draw.chance(recipe.clipped, batch, 1) & clippable
    limit = torch.where(clipped, peak * draw.uniform(0.3, 0.9, batch, 1), peak)
    down = 1 / limit.clamp(min=1.0)  # nothing above full scale, clipped or not
    scale, limit = scale * down, limit * down
    return torch.maximum(torch.minimum(noisy * scale, limit), -limit), target * scale


def _snr(draw: Draw, babble: Tensor, recipe: Recipe) -> Tensor:
    """Draw SNRs in dB [batch, 1]; below 0 dB nobody could tell the talker from babble."""
    low, high, weight = torch.tensor(recipe.snr, device=draw.device).float().T
    of = draw.choice(weight, len(babble))
    snr = (low[of] + (high - low)[of] * draw.uniform(0, 1, len(babble)))[:, None]
    return torch.where(babble, snr.clamp(min=0), snr)
