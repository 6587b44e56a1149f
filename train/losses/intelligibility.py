"""A differentiable approximation of ESTOI, the extended short-time objective intelligibility.

After Jensen and Taal, IEEE/ACM Trans. Audio, Speech and Language Processing 24 (2016) 2009, at
48 kHz instead of 10 kHz. Syllables of the clean clip and of the estimate are matrices of 15
third-octave bands by 30 frames. They are normalised before they are correlated, so that weak bands
count as much as loud ones:

    bands [15, 30] -> each band to mean 0, norm 1 -> each frame to mean 0, norm 1 -> product
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rtdenoise.constants import SAMPLE_RATE

WINDOW = 1228  # samples: 25.6 ms, half overlapping
BANDS, LOWEST = 15, 150.0  # third octaves, Hz: up to 4.3 kHz
SYLLABLE, SHIFT = 30, 6  # frames: 384 ms, every 77 ms (ESTOI itself: every frame)
SILENCE = 40.0  # dB below the loudest frame of the clean clip: quieter frames are left out


class IntelligibilityLoss(nn.Module):
    """1 - ESTOI of clips [batch, samples]: 0 if equal, about 0.7 for speech in loud noise."""

    window: Tensor
    bands: Tensor

    def __init__(self) -> None:
        super().__init__()
        frequency = torch.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
        centre = LOWEST * 2 ** (torch.arange(BANDS) / 3)
        above = frequency[:, None] >= centre * 2 ** (-1 / 6)
        bands = (above & (frequency[:, None] < centre * 2 ** (1 / 6))).float()
        self.reach = int(bands.sum(1).nonzero().max()) + 1  # bins that any band needs
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.register_buffer("bands", bands[: self.reach], persistent=False)

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Return the loss [batch] of [batch, samples]; it has no meaning for a silent target."""
        power, clean = self._power(estimate), self._power(target)
        level = clean.sum(-1)
        active = level > 10 ** (-SILENCE / 10) * level.amax(-1, keepdim=True).clamp(min=1e-6)
        if active.shape[1] < SYLLABLE:
            return estimate.sum(-1) * 0
        order = active.logical_not().byte().argsort(dim=1, stable=True)[..., None]
        order = order.expand(-1, -1, BANDS)
        a, b = ((x @ self.bands + 1e-8).sqrt().gather(1, order) for x in (power, clean))
        return self._distance(a, b, active.sum(1))

    def _power(self, audio: Tensor) -> Tensor:
        """Return the power of the bins below 4.8 kHz, [batch, frames, bins]."""
        spectrum = torch.stft(
            audio, WINDOW, WINDOW // 2, window=self.window, center=False, return_complex=True
        )[:, : self.reach]
        return (spectrum.real.square() + spectrum.imag.square()).transpose(1, 2)

    def _distance(self, estimate: Tensor, target: Tensor, count: Tensor) -> Tensor:
        """Compare the first `count` [batch] frames, which hold speech, of [batch, frames, bands].

        Syllables beyond them are computed too and then left out. This needs no loop over the clips
        and no transfer from the device.
        """
        a, b = (
            _normalise(_normalise(x.unfold(1, SYLLABLE, SHIFT), -1), -2) for x in (estimate, target)
        )
        correlation = (a * b).sum((-1, -2)) / SYLLABLE  # [batch, syllables]
        ends = SYLLABLE + SHIFT * torch.arange(correlation.shape[1], device=correlation.device)
        complete = ends <= count[:, None]
        mean = (correlation * complete).sum(1) / complete.sum(1).clamp(min=1)
        return (1 - mean) * (count >= SYLLABLE)


def _normalise(x: Tensor, dim: int) -> Tensor:
    """Return `x` with mean 0 and norm 1 along a dimension."""
    x = x - x.mean(dim, keepdim=True)
    return x / (x.square().sum(dim, keepdim=True) + 1e-10).sqrt()
