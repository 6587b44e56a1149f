"""Cutting clips out of the recordings of a bank, some of them played faster or slower."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from ..data import FULL_SCALE, Bank
from .synthetic_noise import Draw

WARPED = 0.6  # share of the cuts that are played at another speed
PROBES = 9  # places at which the clips that a cut was joined from are looked up
EFFECTS = 24  # short sounds that are joined into one cut, at most


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
    needed = _lengths(len(starts), rates, length, draw)
    offset = (draw.uniform(0, 1, len(starts)).cpu() * (lengths - needed).clamp(min=0)).long()
    rows = torch.stack([starts + offset, lengths, needed], dim=1).tolist()
    cuts = [
        _fit(_repeated(bank.samples[at : at + min(have, count)], count), length)
        for at, have, count in rows
    ]
    audio = torch.stack(cuts) / FULL_SCALE
    span = torch.minimum(needed, lengths) - 1
    along = span[:, None] * torch.arange(PROBES) // (PROBES - 1)
    return audio, (starts + offset)[:, None] + along, (needed / length)[:, None].to(draw.device)


def join_effects(
    bank: Bank,
    clips: tuple[Tensor, Tensor],
    rates: tuple[float, float],
    length: int,
    draw: Draw,
) -> Tensor:
    """Join clips drawn from each range (first, last) [n] with pauses; returns audio [n, length].

    The first begins before the cut does, so that a cut may begin within a sound or a pause.
    """
    first, last = clips
    n = len(first)
    needed = _lengths(n, rates, length, draw).tolist()
    chosen = first[:, None] + draw.uniform(0, 1, n, EFFECTS).cpu() * (last - first)[:, None]
    pause = 2400 * 2 ** draw.uniform(0, 5, n, EFFECTS).cpu()  # samples: 0.05 to 1.6 s
    gain = 10 ** draw.uniform(-0.5, 0, n, EFFECTS).cpu() / FULL_SCALE
    skipped = draw.uniform(0, 1, n).cpu()
    out = []
    for row in range(n):
        audio = torch.zeros(needed[row])
        position = 0
        for k, clip in enumerate(chosen[row].long().tolist()):
            begin, count = int(bank.starts[clip]), int(bank.lengths[clip])
            position -= int(skipped[row] * count) if k == 0 else 0
            sound = bank.samples[begin + max(0, -position) : begin + count][: needed[row]].cpu()
            at = max(0, position)
            sound = sound[: needed[row] - at]
            audio[at : at + len(sound)] += gain[row, k] * sound
            position += count + int(pause[row, k])
            if position >= needed[row]:
                break
        out.append(_fit(audio, length))
    return torch.stack(out).to(draw.device)


def _lengths(n: int, rates: tuple[float, float], length: int, draw: Draw) -> Tensor:
    """Return how many samples become `length` at each cut's playing rate, int64 [n]."""
    low, high = (math.log2(r) for r in rates)
    warped, rate = draw.chance(WARPED, n).cpu(), 2 ** draw.uniform(low, high, n).cpu()
    sizes = _quick_sizes(math.ceil(rates[0] * length), math.floor(rates[1] * length))
    nearest = torch.searchsorted(sizes, (rate * length).long()).clamp(max=len(sizes) - 1)
    return torch.where(warped, sizes[nearest], length)


@functools.lru_cache(maxsize=8)
def _quick_sizes(lowest: int, highest: int) -> Tensor:
    """Return the even sizes without a prime factor above 7: others transform 5 times slower."""
    sizes = {2}
    for prime in (2, 3, 5, 7):
        for size in sorted(sizes):
            while (size := size * prime) <= highest:
                sizes.add(size)
    found = [size for size in sorted(sizes) if size >= lowest]
    return torch.tensor(found or [highest], dtype=torch.long)


def _repeated(part: Tensor, count: int) -> Tensor:
    """Return `part` as float, repeated up to `count` samples."""
    part = part.float()
    return part if len(part) == count else part.repeat(-(-count // len(part)))[:count]


def _fit(part: Tensor, length: int) -> Tensor:
    """Resample a cut to `length` samples by cutting or lengthening its spectrum.

    That keeps all of the band: a straight line between samples would dull it above 10 kHz.
    """
    if len(part) == length:
        return part
    spectrum = torch.fft.rfft(part)[: length // 2 + 1]
    return torch.fft.irfft(spectrum, n=length) * (length / len(part))
