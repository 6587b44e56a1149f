"""Levels of clips [..., samples] as amplitudes [..., 1], never zero."""

from __future__ import annotations

from torch import Tensor

FRAME = 960  # samples, 20 ms


def level_of(x: Tensor) -> Tensor:
    """Root mean square over time."""
    return x.square().mean(-1, keepdim=True).sqrt() + 1e-5


def unit(x: Tensor) -> Tensor:
    """Return `x` at a level of 1."""
    return x / level_of(x)


def active_level(x: Tensor) -> Tensor:
    """Level of the 20 ms frames within 25 dB of the loudest: pauses do not count."""
    power = x.unflatten(-1, (-1, FRAME)).square().mean(-1)
    active = power > 0.003 * power.amax(-1, keepdim=True)
    mean = (power * active).sum(-1, keepdim=True) / active.sum(-1, keepdim=True).clamp(min=1)
    return mean.sqrt() + 1e-5
