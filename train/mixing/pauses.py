"""Pauses that are inserted into speech, so that words begin after silence."""

from __future__ import annotations

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

from .levels import FRAME
from .synthetic_noise import Draw

SEARCHED = 20  # frames on either side of the drawn place, in which the quietest is looked for
SHORTEST, LONGEST = 0.2, 1.2  # seconds


def insert_pauses(draw: Draw, speech: Tensor) -> Tensor:
    """Return speech [n, samples] with a pause in each row; what follows it comes later.

    Packed recordings have no silence at their ends, and a cut joins them, so most words in it
    follow another one at once. The pause stands where the speech is quietest within 0.4 s of a
    drawn place, between two words as a rule, and begins and ends with a fade of 20 ms.
    """
    n, samples = speech.shape
    frames = speech[:, : samples // FRAME * FRAME].unflatten(-1, (-1, FRAME))
    power = frames.square().mean(-1)
    place = (draw.uniform(0, 1, n, 1) * power.shape[1]).long()
    away = (torch.arange(power.shape[1], device=speech.device) - place).abs() > SEARCHED
    quietest = power.masked_fill(away, torch.inf).argmin(-1, keepdim=True) * FRAME
    length = (draw.uniform(SHORTEST, LONGEST, n, 1) * SAMPLE_RATE).long()
    time = torch.arange(samples, device=speech.device)
    later = speech.gather(1, (time - length).clamp(min=0))
    return speech * ((quietest + FRAME - time) / FRAME).clamp(0, 1) + later * (
        (time - quietest - length) / FRAME
    ).clamp(0, 1)
