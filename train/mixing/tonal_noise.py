"""Tones that are not voices: chords, melodies, beeps, sirens, calls, engines; batched.

A network that has met few of them takes any steady partial for a vowel and lets it pass, and an
animal's call or a siren for a word.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

from .synthetic_noise import Draw, smooth_curve

VOICES, PARTIALS, NOTES = 3, 6, 48  # notes at a time, partials of a note, notes of a voice
LOWEST, OCTAVES = 80.0, 5.0  # Hz, and the range above it
HIGHEST = 0.45 * SAMPLE_RATE  # Hz; partials above it would alias
CONTROL = 480  # samples between the points of pitch and level: 10 ms


def tones(draw: Draw, batch: int, length: int) -> Tensor:
    """Return one to three sequences of notes at a time [batch, length].

    Notes last 0.06 to 4 s and keep their level or die away. Half of the clips have pitches of the
    equal-tempered scale, as instruments have, and a fifth glides, as sirens do.
    """
    shape = batch, VOICES
    time = _control_times(draw, length)
    note, age = _notes(draw, shape, time)
    pitch = _pitches(draw, shape).gather(-1, note)
    pitch = pitch * _glide(draw, batch, time)
    level = _levels(draw, shape, note, age)
    level[:, 1:] *= draw.chance(0.5, batch, VOICES - 1, 1)  # fewer notes at a time
    pitch, level = (_per_sample(x, length) for x in (pitch, level))
    phase = _phase(pitch)
    slope, odd = draw.uniform(0.3, 3, *shape, 1), draw.chance(0.3, *shape, 1)
    sound = torch.zeros(batch, length, device=draw.device)
    for k in range(1, PARTIALS + 1):
        gain = k**-slope * draw.uniform(0.1, 1, *shape, 1)
        gain = gain * ~odd if k % 2 == 0 else gain  # as clarinets and square waves have them
        start = draw.uniform(0, 2 * math.pi, *shape, 1)
        sound += (gain * level * (k * pitch < HIGHEST) * torch.sin(k * phase + start)).sum(1)
    return sound


def calls(draw: Draw, batch: int, length: int) -> Tensor:
    """Return series of calls [batch, length], as animals, horns, brakes and engines make them.

    Each is a train of pulses, as a voice's is, in the resonances of something that is no throat;
    its pitch rises or falls by up to some octaves a second.
    """
    shape = batch, 1
    note, age = _notes(draw, shape, _control_times(draw, length))
    slope = draw.normal(*shape, NOTES) * 10 ** draw.uniform(-1, 0.5, *shape, 1)  # octaves/s
    pitch = _pitches(draw, shape) / 2  # from 40 Hz: engines, too
    pitch = pitch.gather(-1, note) * 2 ** (slope.gather(-1, note) * age).clamp(-1.5, 1.5)
    level = _levels(draw, shape, note, age)
    level = torch.where(level.amax(-1, keepdim=True) > 0, level, 1.0)  # rests are not all there is
    pitch, level = (_per_sample(x, length) for x in (pitch, level))
    phase = _phase(pitch)
    # exp(c cos) is a pulse whose partials fall below 0.001 from number 3.7 sqrt(c) on.
    sharpness = 2 * 100 ** draw.uniform(0, 1, *shape, 1)
    sharpness = torch.minimum(sharpness, (HIGHEST / (3.7 * pitch)).square())
    pulses = torch.exp(sharpness * (torch.cos(phase) - 1)) * sharpness.sqrt()
    sound = ((pulses - 0.4) * level)[:, 0]  # without the greatest part of the pulses' mean
    spectrum = torch.fft.rfft(sound)
    resonances = smooth_curve(draw, batch, spectrum.shape[-1], 10.0, knots=16)
    return torch.fft.irfft(spectrum * resonances, n=length)


def _control_times(draw: Draw, length: int) -> Tensor:
    """Return the times in s of the points of pitch and level that `length` samples need."""
    count = -(-length // CONTROL) + 2
    return torch.arange(count, device=draw.device) * (CONTROL / SAMPLE_RATE)


def _notes(draw: Draw, shape: tuple[int, int], time: Tensor) -> tuple[Tensor, Tensor]:
    """Return which note sounds at each time, and for how many seconds, [*shape, len(time)]."""
    typical = 0.06 * 66 ** draw.uniform(0, 1, *shape, 1)
    spans = typical * 2 ** draw.uniform(-0.5, 0.5, *shape, NOTES)
    ends = spans.cumsum(-1) - draw.uniform(0, 1, *shape, 1) * spans[..., :1]
    at = time.expand(*shape, -1).contiguous()
    note = torch.searchsorted(ends, at).clamp(max=NOTES - 1)
    return note, at - (ends - spans).gather(-1, note)


def _pitches(draw: Draw, shape: tuple[int, int]) -> Tensor:
    """Return the pitch of each note in Hz [*shape, NOTES]: repeated, near each other, or far."""
    centre = draw.uniform(0, OCTAVES, *shape, 1)
    octaves = centre + 10 ** draw.uniform(-2, 0, *shape, 1) * draw.normal(*shape, NOTES)
    tempered = draw.chance(0.5, shape[0], 1, 1)
    octaves = torch.where(tempered, (12 * octaves).round() / 12, octaves)
    return LOWEST * 2 ** octaves.clamp(0, OCTAVES + 1)


def _glide(draw: Draw, batch: int, time: Tensor) -> Tensor:
    """Return a factor of the pitch [batch, 1, len(time)]: 1, or up to an octave up and down."""
    depth = draw.uniform(0, 0.5, batch, 1, 1) * draw.chance(0.2, batch, 1, 1)
    rate = 0.2 * 20 ** draw.uniform(0, 1, batch, 1, 1)  # Hz
    swing = torch.sin(2 * math.pi * (rate * time + draw.uniform(0, 1, batch, 1, 1)))
    return 2 ** (depth * swing)


def _levels(draw: Draw, shape: tuple[int, int], note: Tensor, age: Tensor) -> Tensor:
    """Return the level of each note over time [*shape, times]; some notes are rests."""
    attack = 0.01 * 20 ** draw.uniform(0, 1, *shape, 1)
    decay = 0.1 * 40 ** draw.uniform(0, 1, *shape, 1)
    lasting = draw.chance(0.5, *shape, 1)
    body = torch.where(lasting, 1.0, torch.exp(-age / decay))
    strength = draw.uniform(0.3, 1, *shape, NOTES) * draw.chance(0.85, *shape, NOTES)
    return (age / attack).clamp(max=1) * body * strength.gather(-1, note)


def _phase(pitch: Tensor) -> Tensor:
    """Return the phase in radians [..., length] of a pitch in Hz."""
    return 2 * math.pi * (pitch / SAMPLE_RATE).cumsum(-1)


def _per_sample(x: Tensor, length: int) -> Tensor:
    """Interpolate [batch, voices, times] to [batch, voices, length]."""
    x = torch.nn.functional.interpolate(x, scale_factor=CONTROL, mode="linear")
    return x[..., :length]
