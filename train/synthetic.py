"""Synthesised noise, batched on the device: stationary, tonal (hum, fan) and impulsive (keys)."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from .network_api import SAMPLE_RATE


class Draw:
    """Seeded random numbers on one device."""

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        self.device = device
        self.generator = torch.Generator(device).manual_seed(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform numbers of the given shape."""
        return low + (high - low) * torch.rand(*shape, generator=self.generator, device=self.device)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers of the given shape."""
        return torch.randn(*shape, generator=self.generator, device=self.device)

    def chance(self, probability: float, *shape: int) -> Tensor:
        """Boolean tensor, True with the given probability."""
        return self.uniform(0, 1, *shape) < probability

    def choice(self, weights: Tensor, count: int) -> Tensor:
        """Draw `count` indices in proportion to `weights`."""
        weights = weights.to(self.device)
        return torch.multinomial(weights, count, replacement=True, generator=self.generator)


def smooth_curve(draw: Draw, batch: int, bins: int, decibel: float, knots: int = 10) -> Tensor:
    """Random gain [batch, bins], smooth over log frequency, with `decibel` standard deviation."""
    values = draw.normal(batch, knots) * (decibel * math.log(10) / 20)
    return torch.exp(values @ _between_knots(bins, knots).to(draw.device))


@functools.lru_cache(maxsize=8)
def _between_knots(bins: int, knots: int) -> Tensor:
    """Weight of each knot at each bin [knots, bins]: linear between knots over log frequency."""
    position = torch.log1p(torch.linspace(0, 200, bins)) / math.log(201) * (knots - 1)
    return (1 - (position - torch.arange(knots)[:, None]).abs()).clamp(min=0)


def stationary(draw: Draw, batch: int, length: int) -> Tensor:
    """Noise [batch, length] of random spectral slope (white to brown), shape and slow swell."""
    spectrum = torch.fft.rfft(draw.normal(batch, length))
    frequency = torch.linspace(0, 1, spectrum.shape[-1], device=draw.device) * 1200 + 1
    slope = draw.uniform(-1.2, 0.0, batch, 1)
    shape = smooth_curve(draw, batch, spectrum.shape[-1], 5.0)
    noise = torch.fft.irfft(spectrum * frequency**slope * shape, n=length)
    time = torch.arange(length, device=draw.device) / SAMPLE_RATE
    rate, depth = draw.uniform(0.2, 12, batch, 1), draw.uniform(0, 0.5, batch, 1)
    phase = draw.uniform(0, 2 * math.pi, batch, 1)
    return noise * (1 + depth * torch.sin(2 * math.pi * rate * time + phase))


def hum(draw: Draw, batch: int, length: int, partials: int = 16) -> Tensor:
    """Harmonic tones [batch, length]: mains hum, fans, motors; slightly unsteady pitch."""
    time = torch.arange(length, device=draw.device) / SAMPLE_RATE
    pitch = 40 * 2 ** draw.uniform(0, 4, batch, 1)
    wander = (
        draw.uniform(0, 0.01, batch, 1)
        * torch.sin(2 * math.pi * draw.uniform(0.1, 3, batch, 1) * time)
        / 3
    )
    phase = 2 * math.pi * pitch * (time + wander)
    out = torch.zeros(batch, length, device=draw.device)
    for k in range(1, partials + 1):
        gain = k ** -draw.uniform(0.3, 1.5, batch, 1) * draw.uniform(0, 1, batch, 1)
        out += gain * torch.sin(k * phase + draw.uniform(0, 2 * math.pi, batch, 1))
    return out


def clicks(draw: Draw, batch: int, length: int, burst: int = 2400) -> Tensor:
    """Key presses, taps, crackle [batch, length]: decaying noise bursts at random moments."""
    rate = draw.uniform(1, 12, batch, 1)  # a second
    hits = draw.chance(1.0, batch, length) & (
        draw.uniform(0, 1, batch, length) < rate / SAMPLE_RATE
    )
    impulses = hits * draw.uniform(0.2, 1, batch, length)
    decay = torch.arange(burst, device=draw.device) / (
        SAMPLE_RATE * 0.001 * 2 ** draw.uniform(-1, 4, batch, 1)
    )
    kernel = draw.normal(batch, burst) * torch.exp(-decay)
    shaped = torch.fft.rfft(kernel, n=length)
    shaped = shaped * smooth_curve(draw, batch, shaped.shape[-1], 8.0)
    return torch.fft.irfft(torch.fft.rfft(impulses) * shaped, n=length)
