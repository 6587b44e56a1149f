"""Pauses in speech and before it, so that words begin after silence, or after noise alone."""

from __future__ import annotations

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

from .filters import PREROLL
from .levels import FRAME
from .synthetic_noise import Draw

SEARCHED = 20  # frames on either side of the drawn place, in which the quietest is looked for
SHORTEST, LONGEST = 0.2, 1.2  # seconds
FIRST, LAST = 0.4, 1.2  # seconds; the voice begins within 0.4 s of a place between them


def begin_late(draw: Draw, speech: Tensor) -> Tensor:
    """Return speech [n, samples] with nothing before a place between two words, after the pre-roll.

    Recordings begin with the noise of the room as a rule, and the voice comes later. Without such
    clips a network that is level-invariant takes faint noise for a recording with a voice in it.
    """
    n, samples = speech.shape
    place = (PREROLL + draw.uniform(FIRST, LAST, n, 1) * SAMPLE_RATE) / FRAME
    time = torch.arange(samples, device=speech.device)
    return speech * ((time - _quietest(speech, place.long())) / FRAME).clamp(0, 1)


def insert_pauses(draw: Draw, speech: Tensor) -> Tensor:
    """Return speech [n, samples] with a pause in each row; what follows it comes later.

    Packed recordings have no silence at their ends, and a cut joins them, so most words in it
    follow another one at once. The pause stands where the speech is quietest within 0.4 s of a
    drawn place, between two words as a rule, and begins and ends with a fade of 20 ms.
    """
    n, samples = speech.shape
    quietest = _quietest(speech, (draw.uniform(0, 1, n, 1) * (samples // FRAME)).long())
    length = (draw.uniform(SHORTEST, LONGEST, n, 1) * SAMPLE_RATE).long()
    time = torch.arange(samples, device=speech.device)
    later = speech.gather(1, (time - length).clamp(min=0))
    return speech * ((quietest + FRAME - time) / FRAME).clamp(0, 1) + later * (
        (time - quietest - length) / FRAME
    ).clamp(0, 1)


def _quietest(speech: Tensor, place: Tensor) -> Tensor:
    """Return where the quietest frame within 0.4 s of the frames `place` [n, 1] begins, [n, 1]."""
    frames = speech[:, : speech.shape[1] // FRAME * FRAME].unflatten(-1, (-1, FRAME))
    power = frames.square().mean(-1)
    away = (torch.arange(power.shape[1], device=speech.device) - place).abs() > SEARCHED
    return power.masked_fill(away, torch.inf).argmin(-1, keepdim=True) * FRAME
