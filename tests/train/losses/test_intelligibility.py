"""The intelligibility loss is 1 - ESTOI, as pystoi has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
import torch
from pystoi import stoi

from train.losses.intelligibility import IntelligibilityLoss

EXAMPLE = Path(__file__).parents[3] / "examples/noisy.wav"


def test_it_is_what_pystoi_measures():
    voice = sf.read(EXAMPLE, dtype="float32")[0][:96_000]
    rng = np.random.default_rng(0)
    noisy = [voice + s * rng.standard_normal(96_000).astype("f") for s in (0.003, 0.03, 0.1)]
    target = torch.from_numpy(voice).expand(3, -1)
    loss = IntelligibilityLoss()(torch.from_numpy(np.stack(noisy)), target)
    expected = [
        stoi(*(soxr.resample(x, 48_000, 10_000) for x in (voice, y)), 10_000, extended=True)
        for y in noisy
    ]
    np.testing.assert_allclose(1 - loss.numpy(), expected, atol=0.04)


def test_equals_and_silence_cost_nothing():
    voice = torch.from_numpy(sf.read(EXAMPLE, dtype="float32")[0][:48_000])[None]
    loss = IntelligibilityLoss()
    assert loss(0.3 * voice, voice).abs().item() < 1e-3
    assert loss(voice, torch.zeros_like(voice)).item() < 1.1  # no NaN; the whole loss leaves it out
    assert loss(voice[:, :4800], voice[:, :4800]).item() == 0  # too short for a syllable


def test_it_can_be_trained_by():
    voice = torch.from_numpy(sf.read(EXAMPLE, dtype="float32")[0][:48_000])[None]
    estimate = (0.9 * voice + 0.01 * torch.randn_like(voice)).requires_grad_()
    IntelligibilityLoss()(estimate, voice).sum().backward()
    assert estimate.grad is not None and estimate.grad.isfinite().all()
    assert estimate.grad.abs().max() > 0
