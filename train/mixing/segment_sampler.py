"""Cutting clips out of the recordings of a bank, some of them played faster or slower."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..data import FULL_SCALE, Bank
from .synthetic_noise import Draw

WARPED = 0.6  # share of the cuts that are played at another speed
GRID = 480  # samples in whose multiples cuts are made: quick to transform
PROBES = 9  # places at which a cut is asked which recordings it was joined from


def cut(
    bank: Bank,
    region: tuple[Tensor, Tensor],
    rates: tuple[float, float],
    length: int,
    draw: Draw,
) -> tuple[Tensor, Tensor, Tensor]:
    """Cut `length` samples from each region (starts, lengths) [n], repeating short ones.

    Returns audio [n, length], PROBES indices into the bank where it came from [n, PROBES] and the
    playing rates [n, 1], between `rates`.
    """
    starts, lengths = region
    low, high = (math.log2(r) for r in rates)
    n = len(starts)
    warped, rate = draw.chance(WARPED, n).cpu(), 2 ** draw.uniform(low, high, n).cpu()
    needed = torch.where(warped, (rate * length / GRID).round().long() * GRID, length)
    rate = needed / length
    offset = (draw.uniform(0, 1, n).cpu() * (lengths - needed).clamp(min=0)).long()
    rows = torch.stack([starts, lengths, offset, needed], dim=1).tolist()
    cuts = [_play(bank.samples[a : a + room], at, count, length) for a, room, at, count in rows]
    audio = torch.stack(cuts) / FULL_SCALE
    span = torch.minimum(needed, lengths) - 1
    along = span[:, None] * torch.arange(PROBES) // (PROBES - 1)
    return audio, (starts + offset)[:, None] + along, rate[:, None].to(draw.device)


def _play(region: Tensor, offset: int, needed: int, length: int) -> Tensor:
    """Return `needed` samples of a region from `offset` on, fitted into [length].

    Resampled by cutting or lengthening the spectrum, which keeps all of the band: a straight line
    between samples would dull it above 10 kHz.
    """
    part = region[offset : offset + needed].float()
    if len(part) < needed:
        part = part.repeat(-(-needed // len(part)))[:needed]
    if needed == length:
        return part
    spectrum = torch.fft.rfft(part)[: length // 2 + 1]
    return torch.fft.irfft(spectrum, n=length) * (length / needed)
