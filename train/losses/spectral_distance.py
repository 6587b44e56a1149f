"""Distances between two spectra: of compressed values, and of levels."""

from __future__ import annotations

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

COMPRESSION = 0.3
EPSILON = 1e-7
FLOOR = 10**-3.5  # inaudible spectral distance, so that clean clips do not dominate
HIGH, HIGHEST = (
    8_000.0,
    20_000.0,
)  # Hz: above the range of speech sounds; limit of hearing for most people
MORE_HIGH = 1.5  # weight of levels above HIGH
SAME = 1e-4  # squared nepers: small differences of level get small gradients


class SpectralDistance:
    """Distances of clips in one resolution; for the options see `MultiResolutionLoss`."""

    def __init__(self, magnitude: float, missing: float, knee: float) -> None:
        self.magnitude, self.missing, self.knee = magnitude, missing, knee

    def __call__(
        self, estimate: Tensor, target: Tensor, size: int, bandwidth: Tensor | None
    ) -> Tensor:
        """Return the mean distances [2] of compressed spectra and of levels.

        The clips are [batch, samples]; windows have `size` samples. Bins above `bandwidth` Hz are
        left out.
        """
        a, b = _stft(estimate, size), _stft(target, size)
        frequency = torch.linspace(0, SAMPLE_RATE / 2, a.shape[1], device=a.device)[None]
        inside = torch.ones_like(frequency)
        if bandwidth is not None:
            inside = (frequency <= bandwidth[:, None]).float()
        powers = [s.real.square() + s.imag.square() + EPSILON for s in (a, b)]
        weight = inside * self.knee / frequency.clamp(min=self.knee)
        mixed = self._compressed((a, b), powers, frequency > HIGH)
        clips = (mixed.mean(-1) * weight).sum(-1) / weight.sum(-1)
        levels = _levels(powers, frequency, inside)
        return torch.stack([(clips + FLOOR).sqrt().mean() - FLOOR**0.5, levels.mean()])

    def _compressed(
        self, spectra: tuple[Tensor, Tensor], powers: list[Tensor], high: Tensor
    ) -> Tensor:
        """Mix the distances of magnitudes and of complex values, [batch, bins, frames]."""
        (a, b), (power_a, power_b) = spectra, powers
        mag_a, mag_b = power_a ** (COMPRESSION / 2), power_b ** (COMPRESSION / 2)
        unit_a, unit_b = mag_a * power_a.rsqrt(), mag_b * power_b.rsqrt()
        distance = (a.real * unit_a - b.real * unit_b).square()
        distance = distance + (a.imag * unit_a - b.imag * unit_b).square()
        more = mag_a - mag_b
        missing = torch.where(high, 1.0, self.missing)[..., None]
        louder = more.square() * torch.where(more < 0, missing, 1.0)
        return self.magnitude * louder + (1 - self.magnitude) * distance


def _levels(powers: list[Tensor], frequency: Tensor, inside: Tensor) -> Tensor:
    """Return the distance [batch] of levels: of bins below 8 kHz, and of frames above.

    Above 8 kHz it is the root of a frame's mean square, as in the log-spectral distance.
    """
    difference = (powers[0] / powers[1]).log()  # nepers, of power
    high = frequency > HIGH
    below, above = inside * ~high, inside * (high & (frequency <= HIGHEST))
    bins = (difference.abs().mean(-1) * below).sum(-1) / below.sum(-1)
    squares = (difference.square() * above[..., None]).sum(1) / above.sum(-1).clamp(min=1)[:, None]
    frames = (squares + SAME).sqrt().mean(-1) - SAME**0.5
    return bins / 3 + MORE_HIGH * frames


def _stft(audio: Tensor, size: int) -> Tensor:
    """Hann-windowed spectrum [batch, bins, frames] with half overlap, unit-energy window."""
    window = torch.hann_window(size, device=audio.device)
    window = window / window.square().sum().sqrt()
    return torch.stft(audio, size, size // 2, window=window, center=False, return_complex=True)
