"""How much can be understood? A differentiable likeness of ESTOI.

After Jensen and Taal, IEEE/ACM Trans. Audio, Speech and Language Processing 24 (2016) 2009, at
48 kHz instead of 10 kHz. Syllables of clean and estimate, as pictures of 15 third-octave bands by
30 frames, are compared shape by shape, so that weak bands count as much as loud ones:

    bands [15, 30] -> each band's course to mean 0, norm 1 -> each frame's shape likewise -> product
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .network_api import SAMPLE_RATE

WINDOW = 1228  # samples: 25.6 ms, half overlapping
BANDS, LOWEST = 15, 150.0  # third octaves, Hz: up to 4.3 kHz
SYLLABLE, SHIFT = 30, 6  # frames: 384 ms, every 77 ms (ESTOI itself: every frame)
SILENCE = 40.0  # dB under the loudest frame of the clean clip: such frames are left out


class IntelligibilityLoss(nn.Module):
    """1 - ESTOI of clips [batch, samples]: 0 for equals, about 0.7 for speech lost in noise."""

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
        """Return the loss [batch] of [batch, samples]; of a silent target it means nothing."""
        power, clean = self._power(estimate), self._power(target)
        level = clean.sum(-1)
        heard = level > 10 ** (-SILENCE / 10) * level.amax(-1, keepdim=True).clamp(min=1e-6)
        courses = [(x @ self.bands + 1e-8).sqrt() for x in (power, clean)]
        losses = [self._clip(a[h], b[h]) for a, b, h in zip(*courses, heard, strict=True)]
        return torch.stack(losses)

    def _power(self, audio: Tensor) -> Tensor:
        """Power of the bins below 4.8 kHz, [batch, frames, bins]."""
        spectrum = torch.stft(
            audio, WINDOW, WINDOW // 2, window=self.window, center=False, return_complex=True
        )[:, : self.reach]
        return (spectrum.real.square() + spectrum.imag.square()).transpose(1, 2)

    def _clip(self, estimate: Tensor, target: Tensor) -> Tensor:
        """Compare the frames [frames, bands] of one clip that hold speech."""
        if len(target) < SYLLABLE:
            return estimate.sum() * 0
        a, b = (_normal(_normal(x.unfold(0, SYLLABLE, SHIFT), -1), -2) for x in (estimate, target))
        return 1 - (a * b).sum((-1, -2)).mean() / SYLLABLE


def _normal(x: Tensor, dim: int) -> Tensor:
    """Bring `x` to mean 0 and norm 1 along a dimension."""
    x = x - x.mean(dim, keepdim=True)
    return x / (x.square().sum(dim, keepdim=True) + 1e-10).sqrt()
