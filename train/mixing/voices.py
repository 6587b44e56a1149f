"""More voices from the same recordings: formants moved while the pitch stays, and vocal effort.

Playing a recording faster or slower (`segment_sampler.cut`) moves pitch and formants together, as
on a tape. Here the spectral envelope moves alone. Both in turn make any pair of the two.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

from .synthetic_noise import Draw

WINDOW, HOP = 1920, 960  # samples: 40 ms, 20 ms
QUEFRENCY = 0.0024  # seconds; what changes faster over frequency is pitch (below 400 Hz)
FACTORS = 0.84, 1.19  # of the formants: from a tall man to a child, with the pitch's own factor
MOST = 20.0  # dB of change at any frequency
TILT = 3.0  # dB an octave at most, between 250 Hz and 8 kHz


def move_formants(voice: Tensor, factor: Tensor) -> Tensor:
    """Stretch the spectral envelope of voices [n, samples] by factors [n] along frequency.

    The envelope is the smooth part of the log spectrum (cepstral smoothing: Oppenheim and
    Schafer, IEEE Trans. Audio Electroacoust. 16 (1968) 221). Phases and harmonics stay.
    """
    window = torch.hann_window(WINDOW, device=voice.device)
    spectrum = torch.stft(voice, WINDOW, HOP, window=window, return_complex=True).mT
    level = torch.view_as_real(spectrum).square().sum(-1)
    level = (level + 1e-4 * level.mean(-1, keepdim=True) + 1e-9).log()
    cepstrum = torch.fft.irfft(level)[..., : WINDOW // 2 + 1]
    smooth = cepstrum[..., : _lifter(voice.device).numel()] * _lifter(voice.device)
    envelope = torch.fft.rfft(torch.nn.functional.pad(smooth, (0, WINDOW - smooth.shape[-1])))
    envelope = envelope.real  # log power: the symmetric half is in the lifter's factor 2
    bins = envelope.shape[-1]
    place = (torch.arange(bins, device=voice.device) / factor[:, None]).clamp(max=bins - 1.001)
    lower = place.long()[:, None].expand_as(envelope)
    part = (place - place.floor())[:, None]
    moved = envelope.gather(-1, lower) * (1 - part) + envelope.gather(-1, lower + 1) * part
    limit = MOST * math.log(10) / 10
    gain = (0.5 * (moved - envelope).clamp(-limit, limit)).exp()
    return torch.istft((spectrum * gain).mT, WINDOW, HOP, window=window, length=voice.shape[-1])


@functools.lru_cache(maxsize=4)
def _lifter(device: torch.device | str) -> Tensor:
    """Return the weights of the first cepstral coefficients: 1, then 2, fading out."""
    count = int(QUEFRENCY * SAMPLE_RATE)
    fade = 1 + torch.cos(torch.linspace(0, math.pi, count))
    fade[0] = 1.0
    return fade.to(device)


def draw_factors(draw: Draw, count: int) -> Tensor:
    """Draw formant factors [count], uniform over log frequency."""
    low, high = (math.log2(f) for f in FACTORS)
    return 2 ** draw.uniform(low, high, count)


def effort(draw: Draw, batch: int, bins: int) -> Tensor:
    """Return the gain [batch, bins] of a softer or a more forceful voice: a spectral tilt."""
    frequency = torch.linspace(0, SAMPLE_RATE / 2, bins, device=draw.device).clamp(250, 8000)
    octaves = (frequency / 1000).log2()
    return 10 ** (draw.uniform(-TILT, TILT, batch, 1) / 20 * octaves)
