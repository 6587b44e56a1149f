"""Cuts out of recordings, some of them played faster or slower."""

from __future__ import annotations

import numpy as np
import torch

from train.data.banks import Bank, Clip
from train.mixing.segment_sampler import cut
from train.mixing.synthetic_noise import Draw


def test_another_speed_keeps_the_top_of_the_band():
    tone = np.sin(2 * np.pi * 15_000 * np.arange(480_000) / 48_000)
    samples = torch.from_numpy((tone * 10_000).astype("int16"))
    bank = Bank(samples, [Clip("a", "anna", length=len(samples))])
    region = torch.zeros(16, dtype=torch.long), torch.full((16,), len(samples))
    audio, _, rate = cut(bank, region, (0.8, 1.25), 48_000, Draw(0))
    spectrum = torch.fft.rfft(audio[:, 4800:43_200] * torch.hann_window(38_400)).abs()
    peak = spectrum.amax(-1)
    assert rate.min() < 0.9 and rate.max() > 1.1 and peak.min() > 0.9 * peak.max()
    for row, place in zip(spectrum, spectrum.argmax(-1).tolist(), strict=True):
        row[place - 200 : place + 201] = 0  # 250 Hz to either side
    assert spectrum.max() < 0.003 * peak.max()
