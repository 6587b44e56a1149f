"""A differentiable approximation of PESQ's disturbance (ITU-T P.862), the audible difference.

    power spectrum -> levels aligned -> Bark bands -> gains compensated -> loudness -> difference

It follows P.862 and its wide-band form P.862.2, with two differences: there is no alignment in
time, because training clips are aligned, and formulas replace the tables of the bands and the
threshold of hearing. Its correlation with `pesq` (tests/train/losses/test_loudness.py) is high
enough for training, but it does not replace PESQ as a measure.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtdenoise.constants import SAMPLE_RATE

WINDOW = 1536  # samples: 32 ms, half overlapping
BANDS = 49  # of equal width in Bark, up to 8 kHz
# Power between 325 and 3250 Hz after alignment. P.862 aligns recordings to a mean square of 1e7 and
# takes a tone of 436 (amplitude 29.54) for a power of 1e4, 40 dB SPL. At a lower level, faint noise
# and faint speech would lie below the threshold of hearing.
ALIGNED = 2.3e8
AUDIBLE = 1e2  # power of a band above its threshold that counts as sound
ZWICKER, SCALE = 0.23, 0.1866  # exponent and factor of loudness over intensity


class LoudnessLoss(nn.Module):
    """0.1 d + 0.0309 d_a of clips [batch, samples]: what PESQ takes off its best raw score of 4.5.

    It is 0 for equal clips and about 3 for speech in loud noise. d is the symmetric disturbance.
    d_a is the asymmetric one, which counts added sound (residual noise) and not lost sound.
    """

    window: Tensor
    bands: Tensor
    weight: Tensor
    band_pass: Tensor
    threshold: Tensor
    exponent: Tensor

    def __init__(self) -> None:
        super().__init__()
        frequency = torch.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)[: 1 + WINDOW // 6]
        edges = torch.linspace(0.0, _bark(torch.tensor(8000.0)).item(), BANDS + 1)
        place = torch.bucketize(_bark(frequency), edges[1:-1])
        bands = F.one_hot(place, BANDS).float()  # [bins up to 8 kHz, bands]
        centre = (bands * frequency[:, None]).sum(0) / bands.sum(0).clamp(min=1)
        self.width = float(edges[1] - edges[0])  # Bark
        tables = {
            "window": torch.hann_window(WINDOW),
            "bands": bands,
            "weight": _pre_emphasis(frequency),
            "band_pass": ((frequency > 325) & (frequency < 3250)).float(),
            "threshold": 10 ** (_hearing_threshold(centre.clamp(min=40)) / 10),
            # Low bands: loudness grows faster (P.862, 10.2.2.6).
            "exponent": ZWICKER * (6 / (_bark(centre) + 2)).clamp(1, 2) ** 0.15,
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Return the distance [batch] of estimate and target [batch, samples]."""
        degraded, reference = self._excitation(estimate), self._excitation(target)
        reference, degraded = self._compensate_gains(reference, degraded)
        a, b = self._loudness(degraded), self._loudness(reference)
        difference = a - b
        disturbance = (difference.abs() - 0.25 * torch.minimum(a, b)).clamp(
            min=0
        )  # smaller: masked
        added = ((degraded + 50) / (reference + 50)) ** 1.2
        added = torch.where(added < 3, 0.0, added.clamp(max=12))
        total = self.width * (BANDS - 1)
        weighted = self.width * disturbance[..., 1:]
        symmetric = (weighted.square().sum(-1) + 1e-12).sqrt() * total**0.5
        asymmetric = (weighted * added[..., 1:]).sum(-1)
        loud = ((self._audible(reference, 1.0) + 1e5) / 1e7) ** 0.04
        parts = [_over_time((x / loud).clamp(max=45)) for x in (symmetric, asymmetric)]
        return 0.1 * parts[0] + 0.0309 * parts[1]

    def _excitation(self, audio: Tensor) -> Tensor:
        """Return the power in Bark bands [batch, frames, bands] of speech scaled to 84 dB SPL."""
        spectrum = torch.stft(
            audio, WINDOW, WINDOW // 2, window=self.window, center=False, return_complex=True
        )
        power = spectrum[:, : len(self.weight)]
        power = power.real.square() + power.imag.square()
        level = (power * self.band_pass[:, None]).sum(1).mean(-1)
        power = power * (ALIGNED / (level + 1e-6))[:, None, None] * self.weight[:, None]
        return power.transpose(1, 2) @ self.bands

    def _audible(self, power: Tensor, factor: float) -> Tensor:
        """Return the power [batch, frames] in bands that lie `factor` above the threshold."""
        return (power * (power > factor * self.threshold))[..., 1:].sum(-1)

    def _compensate_gains(self, reference: Tensor, degraded: Tensor) -> tuple[Tensor, Tensor]:
        """Colour the reference as the degraded clip is, and undo the latter's slow gain changes."""
        speech = (self._audible(reference, AUDIBLE) >= 1e7)[..., None]
        means = []
        for power in (degraded, reference):
            audible = power * (power > AUDIBLE * self.threshold) * speech
            means.append(audible.sum(1, keepdim=True) / speech.sum(1, keepdim=True).clamp(min=1))
        reference = reference * ((means[0] + 1000) / (means[1] + 1000)).clamp(0.01, 100)
        gain = (self._audible(reference, 1) + 5e3) / (self._audible(degraded, 1) + 5e3)
        gain = torch.cat([gain[:, :1], 0.8 * gain[:, 1:] + 0.2 * gain[:, :-1]], dim=1)
        return reference, degraded * gain.clamp(3e-4, 5)[..., None]

    def _loudness(self, power: Tensor) -> Tensor:
        """Return Zwicker's loudness of bands in sone per Bark; it is 0 below the threshold."""
        scale = SCALE * (self.threshold / 0.5) ** self.exponent
        ratio = (0.5 + 0.5 * power / self.threshold).clamp(min=1)
        return scale * (ratio**self.exponent - 1)


def _over_time(frames: Tensor) -> Tensor:
    """Return the root mean square [batch] of the sixth-power means over 20 frames each."""
    size = min(20, frames.shape[1])
    windows = frames.unfold(1, size, max(1, size // 2))
    syllables = ((windows + 1e-4) ** 6).mean(-1) ** (1 / 6)
    return (syllables.square().mean(-1) + 1e-8).sqrt()


def _bark(frequency: Tensor) -> Tensor:
    """Critical-band rate in Bark (Schroeder et al., J. Acoust. Soc. Am. 66 (1979) 1647)."""
    return 7 * torch.asinh(frequency / 650)


def _hearing_threshold(frequency: Tensor) -> Tensor:
    """Threshold in quiet, dB SPL (Terhardt, Hearing Research 1 (1979) 155)."""
    f = frequency / 1000
    return 3.64 * f**-0.8 - 6.5 * torch.exp(-0.6 * (f - 3.3).square()) + 1e-3 * f**4


def _pre_emphasis(frequency: Tensor) -> Tensor:
    """Power gain of P.862.2's input filter, a second-order high-pass at 16 kHz."""
    z = torch.exp(-2j * math.pi * frequency / 16_000)
    up = 2.740826 * (1 - 2 * z + z.square())
    down = 1 - 1.9444777 * z + 0.94597794 * z.square()
    return (up / down).abs().square()
