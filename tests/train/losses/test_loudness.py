"""The loudness loss: zero for equals, deaf to what is not heard, and of one mind with PESQ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from train.losses.loudness import LoudnessLoss

EXAMPLE = Path(__file__).parents[3] / "examples/noisy.wav"


@pytest.fixture(scope="module")
def voice() -> torch.Tensor:
    """Three seconds of the example: something with a voice's spectrum and pauses."""
    audio, _ = sf.read(EXAMPLE, dtype="float32")
    return torch.from_numpy(audio[48_000 : 4 * 48_000])[None]


def test_equals_and_another_volume_are_no_distance(voice):
    loss = LoudnessLoss()
    assert loss(voice, voice).item() < 1e-3
    assert loss(0.5 * voice, voice).item() < 1e-3


def test_noise_is_worse_than_the_same_noise_where_nobody_hears_it(voice):
    generator = torch.Generator().manual_seed(0)
    spectrum = torch.fft.rfft(torch.randn(voice.shape, generator=generator))
    hertz = torch.linspace(0, 24_000, spectrum.shape[-1])
    heard = torch.fft.irfft(spectrum * ((hertz > 500) & (hertz < 4000)), n=voice.shape[-1])
    unheard = torch.fft.irfft(spectrum * (hertz > 12_000), n=voice.shape[-1])
    loss, scale = LoudnessLoss(), 0.02
    assert loss(voice + scale * heard, voice) > 10 * loss(voice + scale * unheard, voice)


def scored(voice: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """PESQ-WB and the loss of the voice in noises of three colours and four levels."""
    pesq = pytest.importorskip("pesq").pesq
    import soxr

    rng, loss = np.random.default_rng(0), LoudnessLoss()
    scores, losses = [], []
    for colour in (0.0, 0.5, 1.0):
        noise = np.fft.rfft(rng.standard_normal(voice.shape[-1]))
        noise = np.fft.irfft(noise / (1 + np.arange(len(noise))) ** colour, n=voice.shape[-1])
        for level in (0.003, 0.01, 0.03, 0.1):
            noisy = voice[0].numpy() + level * noise / noise.std()
            pair = [soxr.resample(x, 48_000, 16_000) for x in (voice[0].numpy(), noisy)]
            scores.append(pesq(16_000, *pair, "wb"))
            losses.append(loss(torch.from_numpy(noisy).float()[None], voice).item())
    return np.array(scores), np.array(losses)


def test_it_is_what_pesq_takes_off(voice):
    scores, losses = scored(voice)
    ranks = [np.argsort(np.argsort(x)) for x in (scores, losses)]
    assert np.corrcoef(*ranks)[0, 1] < -0.9
    raw = (3.8224 - np.log(4 / (scores - 0.999) - 1)) / 1.3669  # P.862.2's mapping, inverted
    assert np.abs(4.5 - losses - raw).mean() < 0.15


def test_it_can_be_trained_by(voice):
    estimate = (0.9 * voice + 0.01 * torch.randn_like(voice)).requires_grad_()
    LoudnessLoss()(estimate, voice).sum().backward()
    assert estimate.grad is not None and estimate.grad.isfinite().all()
    assert estimate.grad.abs().max() > 0
