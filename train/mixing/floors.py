"""What recordings of speech have of their own, and denoisers are to leave: floors, rumble, cuts.

All of it is in the target as well. The speech [batch, samples] is changed in place.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .levels import active_level, unit
from .modulation import low_noise
from .pauses import insert_pauses
from .recipe import Recipe
from .synthetic_noise import Draw, stationary

Synthesise = Callable[[Draw, int, int], Tensor]

RUMBLE_LEVEL = -35.0, -15.0  # dB beside the voice


def with_floor(draw: Draw, speech: Tensor, noisy: Tensor, recipe: Recipe) -> None:
    """Add a faint steady noise to some clips.

    Some recordings pause in digital silence. Real rooms do not, and the network must not
    learn that speech is what digital silence surrounds, or that a studio's floor is noise.
    Clips that get no noise, where `noisy` [batch] is False, may have a louder floor to keep:
    beside noise, it would teach to leave some of the noise.
    """
    rows = draw.chance(recipe.floor, len(speech)).nonzero()[:, 0]
    if len(rows):
        ranges = torch.tensor([recipe.own_floor_level, recipe.floor_level], device=speech.device)
        low, high = ranges[noisy[rows].long()].T[..., None]
        _add(draw, speech, rows, low + (high - low) * draw.uniform(0, 1, len(rows), 1), stationary)


def cut_free(draw: Draw, speech: Tensor, clean: Tensor, recipe: Recipe) -> None:
    """Give some `clean` [batch] clips faint rumble, and some a pause of digital silence.

    Where a gate opens, or a word begins that was cut out of a recording, a network tends to take
    the room and the beginning of the word for a bang.
    """
    rows = (draw.chance(recipe.own_rumble, len(speech)) & clean).nonzero()[:, 0]
    if len(rows):
        _add(draw, speech, rows, draw.uniform(*RUMBLE_LEVEL, len(rows), 1), low_noise)
    rows = (draw.chance(recipe.gated, len(speech)) & clean).nonzero()[:, 0]
    if len(rows):
        speech[rows] = insert_pauses(draw, speech[rows])


def _add(draw: Draw, speech: Tensor, rows: Tensor, decibel: Tensor, synthesise: Synthesise) -> None:
    """Add noise to `rows`, at a level [rows, 1] in dB beside the voice."""
    noise = unit(synthesise(draw, len(rows), speech.shape[-1]))
    speech[rows] += 10 ** (decibel / 20) * active_level(speech[rows]) * noise
