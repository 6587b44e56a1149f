"""What lies between a sound and its recording: microphones (EQ), rooms and band limits."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

from ..data import Bank
from .levels import level_of
from .modulation import RUMBLE_TOP, high_pass
from .recipe import Recipe
from .rooms import responses_of
from .synthetic_noise import Draw, smooth_curve
from .voices import effort

PREROLL = SAMPLE_RATE // 2  # samples of history: reverberation has built up when a clip begins
LEAST_ABOVE = 0.01  # of a noise's power counts in SNR, however little of it lies above 80 Hz
# Band limits of telephones, codecs and resamplers, Hz.
LOW_PASS = (3400, 3700, 5400, 7400, 7900, 10800, 13000, 15500, 16000, 18000, 20000)


class Filtered(NamedTuple):
    """Speech with its room and with the early part of it only, and noise of level 1 above 80 Hz.

    [batch, segment] each; `top` is where the low-pass begins, Hz [batch].
    """

    wet: Tensor
    target: Tensor
    noise: Tensor
    top: Tensor


class Filters:
    """Filters clips of `length` samples in the frequency domain; their pre-roll is cut off.

    `rir` holds recorded rooms, `seed` draws those that are synthesised beside them.
    """

    def __init__(
        self, rir: Bank, length: int, recipe: Recipe, seed: int, device: torch.device | str
    ) -> None:
        self.length, self.recipe = length, recipe
        bins = length // 2 + 1
        self.high_pass = high_pass(bins, recipe.high_pass).to(device)
        self.audible = high_pass(bins, RUMBLE_TOP).square().to(device)
        if recipe.room:
            rooms = responses_of(rir, PREROLL, seed)
            self.rooms, self.early = (torch.fft.rfft(x, n=length).to(device) for x in rooms)

    def apply(self, draw: Draw, speech: Tensor, noise: Tensor) -> Filtered:
        """Filter speech and noise [batch, length]."""
        share, batch = self.recipe, len(speech)
        s, v = torch.fft.rfft(speech), torch.fft.rfft(noise)
        shape = batch, s.shape[-1]
        s = s * torch.where(
            draw.chance(share.speech_eq, batch, 1), smooth_curve(draw, *shape, 3), 1
        )
        s = s * torch.where(draw.chance(share.effort, batch, 1), effort(draw, *shape), 1)
        v = v * torch.where(draw.chance(share.noise_eq, batch, 1), smooth_curve(draw, *shape, 4), 1)
        low, top = self._low_pass(draw, *shape)
        s, v = s * low * self.high_pass, v * low
        wet, noise = self._samples(s), self._samples(v)
        target = wet.clone()
        rows = draw.chance(share.room, batch).nonzero()[:, 0]
        if len(rows):
            room = draw.choice(torch.ones(len(self.rooms)), len(rows))
            wet[rows] = self._samples(s[rows] * self.rooms[room])
            target[rows] = self._samples(s[rows] * self.early[room])
        return Filtered(wet, target, noise / level_of(noise) / self._share_above(v), top)

    def _low_pass(self, draw: Draw, batch: int, bins: int) -> tuple[Tensor, Tensor]:
        """Return gains [batch, bins], most of them 1, and where they begin to fall, Hz [batch]."""
        limited = draw.chance(self.recipe.low_pass, batch)
        cutoff = torch.tensor(LOW_PASS, device=draw.device, dtype=torch.float32)
        cutoff = cutoff[draw.choice(torch.ones(len(LOW_PASS)), batch)]
        cutoff = cutoff * draw.uniform(0.97, 1.03, batch)
        width = cutoff * 10 ** draw.uniform(-2.3, -1.0, batch)
        frequency = torch.linspace(0, SAMPLE_RATE / 2, bins, device=draw.device)
        low = torch.sigmoid((cutoff[:, None] - frequency) / width[:, None] * 4)
        return torch.where(limited[:, None], low, 1.0), torch.where(limited, cutoff, SAMPLE_RATE)

    def _samples(self, spectrum: Tensor) -> Tensor:
        return torch.fft.irfft(spectrum, n=self.length)[:, PREROLL:]

    def _share_above(self, spectrum: Tensor) -> Tensor:
        """Return which share of a level lies above 80 Hz, [batch, 1], of spectra [batch, bins]."""
        power = torch.view_as_real(spectrum).square().sum(-1)
        share = (power * self.audible).sum(-1, keepdim=True) / (power.sum(-1, keepdim=True) + 1e-9)
        return share.clamp(min=LEAST_ABOVE).sqrt()
