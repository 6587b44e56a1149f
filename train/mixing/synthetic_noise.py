"""Synthesised noise, batched on the device: stationary, tonal (hum, fan) and impulsive (keys)."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE


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

    def chance(self, probability: float | Tensor, *shape: int) -> Tensor:
        """Boolean tensor, True with the given probability, one number or one that broadcasts."""
        return self.uniform(0, 1, *shape) < probability

    def choice(self, weights: Tensor, count: int) -> Tensor:
        """Draw `count` indices in proportion to `weights`."""
        weights = weights.to(self.device)
        return torch.multinomial(weights, count, replacement=True, generator=self.generator)


def smooth_curve(draw: Draw, batch: int, bins: int, decibel: float, knots: int = 10) -> Tensor:
    """Random gain [batch, bins], smooth over log frequency, with `decibel` standard deviation."""
    values = draw.normal(batch, knots) * (decibel * math.log(10) / 20)
    return torch.exp(values @ _between_knots(bins, knots, draw.device))


@functools.lru_cache(maxsize=8)
def _between_knots(bins: int, knots: int, device: torch.device | str) -> Tensor:
    """Weight of each knot at each bin [knots, bins]: linear between knots over log frequency."""
    position = torch.log1p(torch.linspace(0, 200, bins)) / math.log(201) * (knots - 1)
    return (1 - (position - torch.arange(knots)[:, None]).abs()).clamp(min=0).to(device)


def stationary(draw: Draw, batch: int, length: int) -> Tensor:
    """Noise [batch, length] of random spectral slope (white to brown), shape and slow swell."""
    spectrum = torch.fft.rfft(draw.normal(batch, length))
    frequency = torch.linspace(0, 1, spectrum.shape[-1], device=draw.device) * 1200 + 1
    slope = draw.uniform(-1.0, 0.1, batch, 1)
    shape = smooth_curve(draw, batch, spectrum.shape[-1], 5.0)
    noise = torch.fft.irfft(spectrum * frequency**slope * shape, n=length)
    time = torch.arange(length, device=draw.device) / SAMPLE_RATE
    rate, depth = draw.uniform(0.2, 12, batch, 1), draw.uniform(0, 0.5, batch, 1)
    depth = depth * draw.chance(0.5, batch, 1)  # a fan keeps its level
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
    """Taps and crackle [batch, length]: decaying noise bursts at random moments, all alike."""
    rate = draw.uniform(1, 12, batch, 1)  # a second
    hits = draw.uniform(0, 1, batch, length) < rate / SAMPLE_RATE
    impulses = hits * draw.uniform(0.2, 1, batch, length)
    decay = torch.arange(burst, device=draw.device) / (
        SAMPLE_RATE * 0.001 * 2 ** draw.uniform(-1, 4, batch, 1)
    )
    kernel = draw.normal(batch, burst) * torch.exp(-decay)
    shaped = torch.fft.rfft(kernel, n=length)
    shaped = shaped * smooth_curve(draw, batch, shaped.shape[-1], 8.0)
    return torch.fft.irfft(torch.fft.rfft(impulses) * shaped, n=length)


def keys(draw: Draw, batch: int, length: int, kinds: int = 3) -> Tensor:
    """Typing [batch, length]: each of 1 to 10 strokes a second is a press, and later a release.

    A keyboard has `kinds` keys that sound differently. A press is a click and, up to 12 ms later,
    the key that hits the bottom; 40 to 160 ms later it comes up again, more softly.
    """
    shape = batch, kinds, length
    rate = draw.uniform(1, 10, batch, 1, 1) / kinds / SAMPLE_RATE
    presses = (draw.uniform(0, 1, *shape) < rate) * 10 ** draw.uniform(-0.6, 0, *shape)
    strokes = [_stroke(draw, batch * kinds) for _ in range(3)]
    parts = batch * kinds, 1
    softer, quieter = (10 ** draw.uniform(-1, 0.2, *parts) for _ in range(2))
    bottom, release = draw.uniform(0.001, 0.012, *parts), draw.uniform(0.04, 0.16, *parts)  # s
    sound = strokes[0].new_zeros(len(softer), strokes[0].shape[-1] + int(0.16 * SAMPLE_RATE))
    gains = torch.ones_like(softer), softer, quieter
    for stroke, gain, delay in zip(strokes, gains, (0 * bottom, bottom, release), strict=True):
        at = (SAMPLE_RATE * delay).long() + torch.arange(stroke.shape[-1], device=draw.device)
        sound.scatter_add_(1, at, gain * stroke)
    stroke = torch.fft.rfft(sound[:, :length], n=length).unflatten(0, (batch, kinds))
    typed = (torch.fft.rfft(presses) * stroke).sum(1)
    return torch.fft.irfft(typed * smooth_curve(draw, batch, typed.shape[-1], 6.0), n=length)


def _stroke(draw: Draw, count: int, length: int = 4800, modes: int = 8) -> Tensor:
    """The sound of two hard parts that meet [count, length]: ringing modes and a burst."""
    time = torch.arange(length, device=draw.device) / SAMPLE_RATE
    pitch = 200 * 2 ** draw.uniform(0, 6.3, count, modes, 1)  # to 16 kHz
    decay = 0.001 * 2 ** draw.uniform(0, 5, count, modes, 1)  # seconds, to 32 ms
    phase = draw.uniform(0, 2 * math.pi, count, modes, 1)
    rings = torch.exp(-time / decay) * torch.sin(2 * math.pi * pitch * time + phase)
    rings = (10 ** draw.uniform(-1.5, 0, count, modes, 1) * rings).sum(1)
    decay = 0.0005 * 2 ** draw.uniform(0, 4, count, 1)
    burst = draw.normal(count, length) * torch.exp(-time / decay)
    return rings + 10 ** draw.uniform(-0.7, 0.7, count, 1) * burst
