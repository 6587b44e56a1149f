"""Envelopes pulse, burst and pass; rumble lies low."""

from __future__ import annotations

import torch

from train.mixing.modulation import envelopes, rumble
from train.mixing.synthetic_noise import Draw


def test_envelopes_pulse_burst_and_pass():
    gain = envelopes(Draw(0), 400, 144_000)
    assert gain.shape == (400, 144_000) and gain.min() >= 0 and gain.max() <= 1
    assert ((gain.amax(-1) - gain.amin(-1)) > 0.3).float().mean() > 0.95
    spectrum = torch.fft.rfft(gain[:, ::480] - gain[:, ::480].mean(-1, keepdim=True)).abs()
    rate = spectrum.argmax(-1) / 3.0  # Hz
    assert 0.3 < ((rate > 2) & (rate < 25)).float().mean() < 0.8


def test_rumble_lies_low():
    sound = rumble(Draw(0), 200, 144_000)
    torch.testing.assert_close(sound.square().mean(-1), torch.ones(200), atol=0.05, rtol=0)
    power = torch.fft.rfft(sound).abs().square()
    power[:, 0] /= 2
    below = power[:, : 3 * 150].sum(-1) / power.sum(-1)
    assert below.median() > 0.95 and below.min() > 0.4
