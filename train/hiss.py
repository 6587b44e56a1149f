"""The hiss of a recording itself, taken out above 7.5 kHz before a network learns from it.

A quarter of the free recordings has hiss there at -84 dB under the loudest bin or more. As part of
the target it teaches that faint steady noise belongs to a voice, and noise like it is left then.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .banks import FULL_SCALE, Bank

WINDOW, HOP = 1024, 512  # samples: 21 ms, half overlapping
FIRST, GROUP = 160, 8  # bins: from 7.5 kHz on, 375 Hz together
RARE = 0.1  # share of a recording's frames that hold no more than its hiss
HISS, VOICE = 2.5, 6.0  # power over such frames' up to which it is hiss, from which on it is voice
LEAST = 0.001  # of power, that is left of hiss
FEWEST = 20  # frames that tell what hiss there is


def remove_hiss(bank: Bank) -> None:
    """Change each recording of the bank into what `without_hiss` makes of it."""
    for clip in bank.clips:
        samples = bank.samples[clip.start : clip.start + clip.length]
        audio = without_hiss(samples / FULL_SCALE) * FULL_SCALE
        samples.copy_(audio.round().clamp(-FULL_SCALE, FULL_SCALE - 1))


def without_hiss(audio: Tensor) -> Tensor:
    """Return audio [samples] whose steady hiss above 7.5 kHz is turned down by up to 30 dB."""
    if len(audio) < FEWEST * HOP:
        return audio
    window = torch.hann_window(WINDOW).sqrt()
    spectrum = torch.stft(audio, WINDOW, HOP, window=window, return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()
    heard = power.sum(0) > 1e-10 * power.max()
    if heard.sum() < FEWEST:  # digital silence tells nothing
        return audio
    groups = power[FIRST:-1].unflatten(0, (-1, GROUP)).mean(1)
    groups = F.avg_pool1d(groups[None], 3, 1, 1, count_include_pad=False)[0]
    hiss = groups[:, heard].quantile(RARE, dim=1, keepdim=True)
    over = groups / (hiss + 1e-20)
    gain = ((over - HISS) / (VOICE - HISS)).clamp(LEAST, 1).sqrt()
    spectrum[FIRST:-1] *= gain.repeat_interleave(GROUP, 0)
    return torch.istft(spectrum, WINDOW, HOP, window=window, length=len(audio))
