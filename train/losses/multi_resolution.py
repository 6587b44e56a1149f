"""The training loss of preset `default`: spectra, loudness or intelligibility, and SI-SDR."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .intelligibility import IntelligibilityLoss
from .loudness import LoudnessLoss
from .spectral_distance import SpectralDistance

RESOLUTIONS = (512, 960, 1536, 2048)  # samples: 11 to 43 ms
DNSMOS_SHARE = 8  # one clip of so many goes through DNSMOS, at least one
SILENT = 1e-4  # a target's level under which it holds no speech


class MultiResolutionLoss(nn.Module):
    """Compressed spectra at one resolution a step, loudness or intelligibility, and SI-SDR.

    Both signals are first divided by the target's level, so that a quiet talker counts as much as
    a loud one. With |S|^0.3 as in Braun and Tashev, arXiv:2009.12286, equation 6. Bins count
    equally below `knee` Hz and as knee / f above, near the ear's resolution. Bins above a clip's
    bandwidth are left out: its target holds nothing there, and a network would learn to delete.

    A clip counts by the root of its distance, between the distance itself (where clips that are
    lost anyway dominate) and its logarithm (where those that are nearly clean do). Speech that is
    missing below 8 kHz counts `missing` times as much as noise that is left, or an unsure network
    mutes the voice with the noise. `levels` weighs the difference of the same spectra in dB, where
    what is left in pauses and above 8 kHz counts as much as the loudest bin (spectral_distance.py);
    `spectral`, `loudness`, `intelligibility` and `snr` weigh the other parts, so that their
    gradients are of one size.
    `opinion` weighs the DNSMOS feature distance (dnsmos_features.py) of an eighth of the clips in
    every second step; 0 leaves it out.
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
            from .dnsmos_features import DNSMOSFeatureLoss  # needs speechmos, which few install

            self.dnsmos = DNSMOSFeatureLoss(torch.bfloat16 if bf16 else torch.float32)

    def forward(
        self,
        estimate: Tensor,
        target: Tensor,
        bandwidth: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean loss of [batch, 1, samples]; bandwidth [batch] in Hz, or None for all.

        `generator` (CPU) draws the resolution, and whether loudness or intelligibility counts (and
        then twice): cheaper by a quarter. Without it everything counts.
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
        if self.dnsmos is not None and (generator is None or _one_of((True, False), generator)):
            some, times = slice(None), 1
            if generator is not None:  # a clip costs as much as all else together
                count = max(1, len(estimate) // DNSMOS_SHARE)
                at = _one_of(range(len(estimate) - count + 1), generator)
                some, times = slice(at, at + count), 2
            distance = self.dnsmos(*(x[some] for x in unscaled)) * has_speech[some]
            parts["opinion"] = times * self.opinion * distance.mean()
        return parts


def _one_of(options: Sequence[Any], generator: torch.Generator) -> Any:
    return options[int(torch.randint(len(options), (), generator=generator))]


def _snr_loss(estimate: Tensor, target: Tensor, has_speech: Tensor, floor: float = 1e-3) -> Tensor:
    """How far distortion lies above -30 dB, scale-invariant (Le Roux et al., arXiv:1811.02508).

    Without that a voice all but lost were best deleted. It saturates at SI-SDR of 30 dB, for clean
    clips must not dominate, and of -20 dB. Of targets without speech [batch] the level of what is
    left counts.
    """
    energy, given = target.square().sum(-1), estimate.square().sum(-1)
    alike = (estimate * target).sum(-1).clamp(min=0).square() / (energy * given + 1e-9)
    distortion = (1 - alike + floor) / (0.99 * alike + 0.01)
    left = (estimate - target).square().mean(-1) / 1e-4 + floor
    ratio = torch.where(has_speech, distortion, left)
    return 10 * torch.log10(ratio).mean() + 30
