"""The opinion loss: zero for equals, of one mind with speechmos, and of use to train by."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import soundfile as sf
import soxr
import torch

from rtdenoise.errors import RtdenoiseError
from train.losses import dnsmos_features as opinion
from train.losses.dnsmos_features import DNSMOSFeatureLoss
from train.losses.multi_resolution import MultiResolutionLoss

EXAMPLE = Path(__file__).parents[3] / "examples/noisy.wav"


@pytest.fixture(scope="module")
def voice() -> torch.Tensor:
    """Nine seconds of the example, and a sample for the last frame."""
    audio, _ = sf.read(EXAMPLE, dtype="float32")
    return torch.from_numpy(audio[: 144_160 * 3])[None]


def test_it_scores_as_the_network_does_that_it_was_taken_from(voice, monkeypatch):
    path = Path(find_spec("speechmos").origin).parent / "dnsmos_models/sig_bak_ovr.onnx"
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    audio = soxr.resample(voice[0].numpy(), 48_000, 16_000)
    (expected,) = session.run(None, {"input_1": audio[None]})
    monkeypatch.setattr(opinion, "resample", lambda audio, *rates: audio)
    _, scores = DNSMOSFeatureLoss().features(torch.from_numpy(audio)[None])
    assert np.allclose(scores.numpy(), expected, atol=1e-3)


def test_noise_is_a_distance_and_more_noise_a_larger_one(voice):
    loss, clip = DNSMOSFeatureLoss(), voice[:, : 2 * 48_000]
    noise = torch.randn(clip.shape, generator=torch.Generator().manual_seed(0))
    distances = [loss(clip + level * noise, clip).item() for level in (0, 1e-4, 1e-3, 1e-2, 1e-1)]
    assert distances[0] < 1e-4
    assert distances == sorted(distances)


def test_it_is_a_part_of_the_loss_that_reaches_the_estimate(voice):
    clip = voice[None, :, : 2 * 48_000]
    estimate = (0.9 * clip + 0.01 * torch.randn_like(clip)).requires_grad_()
    assert "opinion" not in MultiResolutionLoss().parts(estimate, clip)
    loss, generator = MultiResolutionLoss(opinion=0.5), torch.Generator().manual_seed(0)
    clips, targets = estimate.expand(8, -1, -1), clip.expand(8, -1, -1)
    steps = [loss.parts(clips, targets, None, generator).get("opinion") for _ in range(8)]
    heard = [part for part in steps if part is not None]
    assert 0 < len(heard) < 8  # every second step, by chance
    part = loss.parts(estimate, clip)["opinion"]
    assert part > 0
    assert heard[0].item() == pytest.approx(2 * part.item(), rel=1e-5)
    part.backward()
    assert estimate.grad is not None
    assert estimate.grad.isfinite().all()
    assert estimate.grad.abs().max() > 0


@pytest.mark.parametrize("clips", [1, 2, 8, 20])
def test_a_small_batch_is_rated_less_often_and_counts_the_same(clips):
    loss, generator = MultiResolutionLoss(opinion=0.5), torch.Generator().manual_seed(0)
    drawn = [loss._rated(clips, generator) for _ in range(4000)]
    assert sum(times for _, times in drawn) / 4000 == pytest.approx(1, abs=0.15)
    rated = sum(len(range(clips)[chosen]) for chosen, times in drawn if times)
    assert rated / (4000 * clips) == pytest.approx(1 / 16, abs=0.02)


def test_without_speechmos_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(opinion, "find_spec", lambda name: None)
    with pytest.raises(RtdenoiseError, match=r"pip install '.\[train\]'"):
        DNSMOSFeatureLoss()
