"""Noise that pulses, comes and goes, and rumble: envelopes and frequencies, batched."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

from .synthetic_noise import Draw

CONTROL = 48  # samples between the points of an envelope, 1 ms
RUMBLE_TOP = 80.0  # Hz


def high_pass(bins: int, corner: float, order: int = 4) -> Tensor:
    """Return the zero-phase Butterworth magnitude [bins] over 0 .. SAMPLE_RATE / 2."""
    frequency = torch.linspace(0, SAMPLE_RATE / 2, bins).clamp(min=1e-3)
    return (1 + (corner / frequency) ** (2 * order)).rsqrt()


def envelopes(draw: Draw, batch: int, length: int) -> Tensor:
    """Return gains [batch, length] up to 1: rotors and saws, bursts, or a vehicle that passes."""
    count = -(-length // CONTROL) + 1
    time = torch.arange(count, device=draw.device) * (CONTROL / SAMPLE_RATE)
    kind = draw.uniform(0, 1, batch, 1)
    gain = torch.where(kind < 0.45, _pulses(draw, batch, time), _passing(draw, batch, time))
    gain = torch.where(kind > 0.75, _bursts(draw, batch, time), gain)
    gain = torch.nn.functional.interpolate(
        gain[:, None], scale_factor=CONTROL, mode="linear", align_corners=False
    )
    return gain[:, 0, :length]


def _pulses(draw: Draw, batch: int, time: Tensor) -> Tensor:
    """Return periodic pulses, 2 to 25 a second, slightly irregular; [batch, len(time)]."""
    rate = 2 * 12.5 ** draw.uniform(0, 1, batch, 1)
    drift = draw.uniform(0, 0.3, batch, 1) * torch.sin(
        2 * math.pi * draw.uniform(0.2, 1.5, batch, 1) * time + draw.uniform(0, 6.3, batch, 1)
    )
    phase = 2 * math.pi * (rate * time + draw.uniform(0, 1, batch, 1)) + drift
    skew = draw.uniform(0, 0.8, batch, 1)  # a stroke begins faster than it ends
    sharpness = 0.3 * 20 ** draw.uniform(0, 1, batch, 1)
    return torch.exp(sharpness * (torch.cos(phase + skew * torch.sin(phase)) - 1))


def _passing(draw: Draw, batch: int, time: Tensor) -> Tensor:
    """Return swells that last 0.4 to 4 s, over a floor 10 to 40 dB lower."""
    seconds = 0.4 * 10 ** draw.uniform(0, 1, batch, 1)
    when = draw.uniform(0, 1, batch, 1) * time[-1]
    floor = 10 ** draw.uniform(-2, -0.5, batch, 1)
    return floor + (1 - floor) / (1 + ((time - when) / (0.25 * seconds)) ** 2)


def _bursts(draw: Draw, batch: int, time: Tensor) -> Tensor:
    """Return sound that is switched on and off, each for 0.05 to 1.5 s."""
    spans = 0.05 * 30 ** draw.uniform(0, 1, batch, 64)
    edges = spans.cumsum(-1) - draw.uniform(0, 1, batch, 1)
    number = torch.searchsorted(edges, time.expand(batch, -1).contiguous())
    off = 10 ** draw.uniform(-3, -0.5, batch, 1)
    gain = torch.where(number % 2 == 0, 1.0, off)
    return torch.nn.functional.avg_pool1d(gain[:, None], 9, 1, 4, count_include_pad=False)[:, 0]


def shift_frequencies(draw: Draw, sound: Tensor) -> Tensor:
    """Move all frequencies of each clip [batch, length] up or down by 30 to 1,000 Hz.

    Harmonics are no longer multiples of one pitch, as with metal, alarms and many machines.
    """
    batch, length = sound.shape
    spectrum = torch.fft.rfft(sound)
    hertz = 30 * (1000 / 30) ** draw.uniform(0, 1, batch, 1)
    hertz = torch.where(draw.chance(0.5, batch, 1), hertz, -hertz)
    bins = torch.arange(spectrum.shape[1], device=sound.device)
    origin = bins - (hertz * length / SAMPLE_RATE).round().long()
    inside = (origin >= 0) & (origin < len(bins))
    moved = spectrum.gather(1, origin.clamp(0, len(bins) - 1)) * inside
    return torch.fft.irfft(moved, n=length)


def low_noise(draw: Draw, batch: int, length: int) -> Tensor:
    """Return steady noise below 20 to 80 Hz [batch, length], as recordings have of their own."""
    spectrum = torch.fft.rfft(draw.normal(batch, length))
    frequency = torch.linspace(0, SAMPLE_RATE / 2, spectrum.shape[-1], device=draw.device)
    corner = draw.uniform(0.25, 1, batch, 1) * RUMBLE_TOP
    shape = (frequency / 10) ** 2 / (1 + (frequency / 10) ** 2) / (1 + (frequency / corner) ** 8)
    return torch.fft.irfft(spectrum * shape, n=length)


def rumble(draw: Draw, batch: int, length: int) -> Tensor:
    """Return rumble, wind, mains hum or a DC offset [batch, length] of level 1, mostly < 80 Hz."""
    bins = length // 2 + 1
    few = int(8 * RUMBLE_TOP * length / SAMPLE_RATE)
    frequency = torch.arange(few, device=draw.device) * (SAMPLE_RATE / length)
    corner = 10 * 8 ** draw.uniform(0, 1, batch, 1)  # Hz
    shape = (1 + (frequency / corner) ** 2) ** -draw.uniform(1, 2.5, batch, 1)
    spectrum = torch.zeros(batch, bins, dtype=torch.complex64, device=draw.device)
    spectrum[:, :few] = torch.complex(draw.normal(batch, few), draw.normal(batch, few)) * shape
    sound = torch.fft.irfft(spectrum, n=length)
    gusts = draw.chance(0.4, batch, 1)
    sound = torch.where(gusts, sound * envelopes(draw, batch, length), sound)
    sound = sound / (sound.square().mean(-1, keepdim=True).sqrt() + 1e-9)
    time = torch.arange(length, device=draw.device) / SAMPLE_RATE
    mains = torch.where(draw.chance(0.5, batch, 1), 50.0, 60.0)
    hum = math.sqrt(2) * torch.sin(2 * math.pi * mains * time + draw.uniform(0, 6.3, batch, 1))
    kind = draw.uniform(0, 1, batch, 1)
    steady = torch.where(kind < 0.2, hum, torch.sign(draw.uniform(-1, 1, batch, 1)))
    return torch.where(kind < 0.35, steady, sound)
