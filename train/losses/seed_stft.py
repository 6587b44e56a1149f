"""The seed's spectral loss: magnitude difference and phase consistency on a differentiable STFT."""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPSILON = 1e-8


class STFT(nn.Module):
    """Short-time Fourier transform of audio [batch, samples], Hann window, and its inverse."""

    window: Tensor

    def __init__(self, size: int = 1024, hop: int = 256) -> None:
        super().__init__()
        self.size, self.hop = size, hop
        self.register_buffer("window", torch.hann_window(size), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Return the complex spectrum [batch, size / 2 + 1, frames]."""
        return torch.stft(audio, self.size, self.hop, window=self.window, return_complex=True)

    def inverse(self, spectrum: Tensor, length: int) -> Tensor:
        """Return audio [batch, length]."""
        return torch.istft(spectrum, self.size, self.hop, window=self.window, length=length)


class STFTLoss(nn.Module):
    """L1 of the magnitudes plus `phase` times 1 - cos of the phase difference, by magnitude.

    The cosine is the normalised real part of A conj(B). No angle is computed, so nothing wraps and
    no gradient is singular. The weight of a bin is its share of the target's magnitude, because
    phase has no meaning in silence. With `waveform` times the L1 distance of the samples, this is
    the seed's loss.
    """

    def __init__(self, phase: float = 0.5, waveform: float = 1.0, size: int = 1024) -> None:
        super().__init__()
        self.stft, self.phase, self.waveform = STFT(size, size // 4), phase, waveform

    def forward(
        self,
        estimate: Tensor,
        target: Tensor,
        bandwidth: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the loss of [batch, 1, samples]; `bandwidth` and `generator` are not used."""
        a, b = self.stft(estimate[:, 0]), self.stft(target[:, 0])
        mag_a, mag_b = (s.abs().clamp(min=EPSILON) for s in (a, b))
        magnitude = (mag_a - mag_b).abs().mean()
        cosine = (a.real * b.real + a.imag * b.imag) / (mag_a * mag_b)
        share = mag_b / mag_b.sum(dim=(-1, -2), keepdim=True)
        consistency = ((1 - cosine) * share).sum(dim=(-1, -2)).mean()
        waveform = (estimate - target).abs().mean()
        return magnitude + self.phase * consistency + self.waveform * waveform
