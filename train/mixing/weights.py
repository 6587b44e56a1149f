"""How often each speaker and each noise is drawn: by voice and by class, not by hours."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

from ..data import Bank

# A speaker with hours of speech is drawn as often as one with this many seconds, and fewer seconds
# count by their square root: a few seconds of a voice are worth a fair share of a long reading.
CAP = 300.0
CLASS_CAP = 120.0  # seconds of a noise class, likewise
UNIDENTIFIED = {"unknown", "mixed"}  # labels of many speakers together, here counted as
SECONDS_EACH = 30.0  # one speaker for so many seconds
# Hz, mean bandwidth of a speaker who teaches the top octave. From 18 kHz on there are 57 such
# readers in the corpus of docs/training.md, from 16 kHz on 791.
FULL_BAND = 16_000.0
MUSIC = ("music", "music-and-effects")


def speaker_weights(bank: Bank, shares: Mapping[str, float] | None = None) -> Tensor:
    """Return the weight of each run of a speech bank [runs]; runs of one speaker share theirs.

    `shares` of some sources fix how much of all weight their speakers have together.
    """
    names = [bank.clips[i].speaker for i in bank.run_first.tolist()]
    seconds = ((bank.run_ends - bank.run_starts) / SAMPLE_RATE).tolist()
    total = _totals(names, seconds)
    weights = [
        _tempered(name, total[name]) * duration / total[name]
        for name, duration in zip(names, seconds, strict=True)
    ]
    sources = [bank.clips[i].source for i in bank.run_first.tolist()]
    return torch.tensor(_favour(sources, weights, shares or {}))


def _favour(sources: list[str], weights: list[float], shares: Mapping[str, float]) -> list[float]:
    """Return weights with which those of some sources make up `shares` of all."""
    own = _totals(sources, weights)
    rest = 1 - sum(shares[source] for source in own if source in shares)
    others = sum(weight for source, weight in own.items() if source not in shares) or 1.0
    return [
        weight * shares[source] / rest * others / own[source] if source in shares else weight
        for source, weight in zip(sources, weights, strict=True)
    ]


def _totals(names: list[str], values: list[float]) -> dict[str, float]:
    """Return the sum of the values of each name."""
    total: dict[str, float] = {}
    for name, value in zip(names, values, strict=True):
        total[name] = total.get(name, 0.0) + value
    return total


def _tempered(name: str, seconds: float) -> float:
    many = name.rsplit("/", 1)[-1] in UNIDENTIFIED
    count = max(1.0, seconds / SECONDS_EACH) if many else 1.0
    return count * min(seconds / count, CAP) ** 0.5


def full_band_runs(bank: Bank) -> Tensor:
    """Return which runs hold, on average, audio up to FULL_BAND, bool [runs]."""
    weighted = torch.cat([torch.zeros(1), (bank.bandwidths * bank.lengths).double().cumsum(0)])
    lengths = bank.run_ends - bank.run_starts
    return (weighted[bank.run_last] - weighted[bank.run_first]) / lengths >= FULL_BAND


def noise_weights(bank: Bank, music: float) -> Tensor:
    """Return the weight of each clip of a noise bank [clips], 1 in all.

    Classes count by the root of their seconds up to CLASS_CAP, clips of a class by the root of
    theirs. Classes labelled as music together get no more than the share `music`.
    """
    weights = bank.lengths.double().sqrt()
    musical = torch.zeros(len(bank), dtype=torch.bool)
    for first, last in zip(bank.run_first.tolist(), bank.run_last.tolist(), strict=True):
        seconds = float(bank.lengths[first:last].sum()) / SAMPLE_RATE
        weights[first:last] *= min(seconds, CLASS_CAP) ** 0.5 / weights[first:last].sum()
        musical[first:last] = bank.clips[first].speaker.rsplit("/", 1)[-1] in MUSIC
    weights = weights / weights.sum()
    share = float(weights[musical].sum())
    if share > music and not musical.all():
        weights[musical] *= music / share
        weights[~musical] *= (1 - music) / (1 - share)
    return weights.float()
