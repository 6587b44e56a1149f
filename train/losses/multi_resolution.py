"""The training loss of preset `default`: spectra, loudness or intelligibility, and SI-SDR."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rtdenoise.errors import RtdenoiseError

from .intelligibility import IntelligibilityLoss
from .loudness import LoudnessLoss
from .spectral_distance import SpectralDistance

RESOLUTIONS = (512, 960, 1536, 2048)  # samples: 11 to 43 ms
DNSMOS_SHARE = 8  # one of this many clips goes through DNSMOS, in every second step
PARTS = ("spectral", "loudness", "intelligibility", "snr", "levels")
SILENT = 1e-4  # a target with a lower level holds no speech


def check_weights(weights: dict[str, Any]) -> None:
    """Raise RtdenoiseError if `weights` has another name than PARTS, or what is no weight."""
    for name, weight in weights.items():
        if name not in PARTS:
            raise RtdenoiseError(f"loss-weights: no part is called {name!r}: {', '.join(PARTS)}")
        if not (isinstance(weight, (int, float)) and 0 <= weight < math.inf):
            raise RtdenoiseError(f"loss-weights: {name} is a number from 0 on, not {weight}")


class MultiResolutionLoss(nn.Module):
    """Compressed spectra at one resolution per step, loudness or intelligibility, and SI-SDR.

    Both signals are first divided by the target's level, so that a quiet talker counts as much as
    a loud one. Spectra are compressed to |S|^0.3 as in Braun and Tashev, arXiv:2009.12286,
    equation 6. Bins have equal weights below `knee` Hz and the weight knee / f above, which is
    close to the resolution of the ear. Bins above a clip's bandwidth are left out: the target is
    empty there, and a network would learn to delete these frequencies.

    A clip contributes the root of its distance. With the distance itself, hopeless clips would
    dominate; with its logarithm, nearly clean ones. Missing speech below 8 kHz counts `missing`
    times as much as residual noise; otherwise an uncertain network mutes the voice with the noise.
    `levels` is the weight of the difference of the same spectra in dB, where pauses and frequencies
    above 8 kHz count as much as the loudest bin (spectral_distance.py). `spectral`, `loudness`,
    `intelligibility` and `snr` are the weights of the other parts. With the defaults `snr` has most
    of the gradient (`python -m benchmarks gradients`), which suits the first hours; for the best
    PESQ, train/HISTORY.md has others for the hours after. `opinion` is the weight of the DNSMOS
    feature distance (dnsmos_features.py) of an eighth of the clips in every second step, or of one
    clip of a small batch in fewer steps; 0 leaves it out.
    """

    def __init__(
        self,
        resolutions: tuple[int, ...] = RESOLUTIONS,
        magnitude: float = 0.7,
        missing: float = 2.0,
        spectral: float = 1.0,
        loudness: float = 0.22,
        intelligibility: float = 1.3,
        snr: float = 0.03,
        levels: float = 0.1,
        opinion: float = 0.0,
        knee: float = 1500.0,
        bf16: bool = False,
    ) -> None:
        super().__init__()
        self.resolutions, self.spectral, self.snr, self.levels = resolutions, spectral, snr, levels
        self.distance = SpectralDistance(magnitude, missing, knee)
        self.hearing = nn.ModuleDict(
            {"loudness": LoudnessLoss(), "intelligibility": IntelligibilityLoss()}
        )
        self.weights = {"loudness": loudness, "intelligibility": intelligibility}
        self.opinion, self.dnsmos = opinion, None
        if opinion:
            from .dnsmos_features import DNSMOSFeatureLoss  # needs speechmos, which is optional

            self.dnsmos = DNSMOSFeatureLoss(torch.bfloat16 if bf16 else torch.float32)

    def forward(
        self,
        estimate: Tensor,
        target: Tensor,
        bandwidth: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean loss of [batch, 1, samples]; bandwidth [batch] in Hz, or None for all.

        `generator` (CPU) draws one resolution, and either loudness or intelligibility with twice
        its weight; this is a quarter cheaper. Without it, every resolution and part is computed.
        """
        return sum(self.parts(estimate, target, bandwidth, generator).values(), torch.zeros(()))

    def parts(
        self,
        estimate: Tensor,
        target: Tensor,
        bandwidth: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return the weighted parts whose sum is the loss."""
        estimate, target = estimate[:, 0], target[:, 0]
        unscaled = estimate, target
        level = target.square().mean(-1, keepdim=True).sqrt()
        has_speech = level[:, 0] > SILENT
        scale = 0.1 / (level + 0.01)  # the floor keeps noise-only clips in proportion
        estimate, target = estimate * scale, target * scale
        sizes, hearing = list(self.resolutions), list(self.hearing)
        if generator is not None:
            sizes, hearing = ([_one_of(x, generator)] for x in (sizes, hearing))
        spectral = [self.distance(estimate, target, size, bandwidth) for size in sizes]
        means = torch.stack(spectral).mean(0)
        parts = {
            "spectral": self.spectral * means[0],
            "levels": self.levels * means[1],
            "snr": self.snr * _snr_loss(estimate, target, has_speech),
        }
        times = len(self.hearing) / len(hearing)
        for name in hearing:
            distance = self.hearing[name](estimate, target) * has_speech
            parts[name] = times * self.weights[name] * distance.mean()
        if self.dnsmos is not None:
            chosen, times = self._rated(len(estimate), generator)
            if times:
                distance = self.dnsmos(*(x[chosen] for x in unscaled)) * has_speech[chosen]
                parts["opinion"] = times * self.opinion * distance.mean()
        return parts

    def _rated(self, clips: int, generator: torch.Generator | None) -> tuple[slice, float]:
        """Draw which of the clips DNSMOS rates in this step, and what they count: 0 for none.

        A clip that it rates costs as much as all other parts of the loss together.
        """
        if generator is None:
            return slice(None), 1.0
        count = max(1, clips // DNSMOS_SHARE)
        chance = 0.5 * min(1.0, clips / DNSMOS_SHARE)
        at = _one_of(range(clips - count + 1), generator)
        drawn = torch.rand((), generator=generator).item() < chance
        return slice(at, at + count), drawn / chance


def _one_of(options: Sequence[Any], generator: torch.Generator) -> Any:
    return options[int(torch.randint(len(options), (), generator=generator))]


def _snr_loss(estimate: Tensor, target: Tensor, has_speech: Tensor, floor: float = 1e-3) -> Tensor:
    """Return the distortion in dB above -30 dB, scale-invariant (Le Roux et al., arXiv:1811.02508).

    Without scale invariance, deleting a faint voice would be the best estimate. The loss saturates
    at an SI-SDR of 30 dB, so that clean clips do not dominate, and at -20 dB. For targets without
    speech [batch] it is the level of the residual sound.
    """
    energy, estimated = target.square().sum(-1), estimate.square().sum(-1)
    correlation = (estimate * target).sum(-1).clamp(min=0).square() / (energy * estimated + 1e-9)
    distortion = (1 - correlation + floor) / (0.99 * correlation + 0.01)
    left = (estimate - target).square().mean(-1) / 1e-4 + floor
    ratio = torch.where(has_speech, distortion, left)
    return 10 * torch.log10(ratio).mean() + 30
