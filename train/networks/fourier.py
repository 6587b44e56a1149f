"""Short-time Fourier analysis and synthesis of half-overlapping 20 ms frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WINDOW = 960  # samples: 20 ms
HOP = WINDOW // 2  # 480 samples: 10 ms
BINS = WINDOW // 2 + 1  # 481, 50 Hz apart


def sqrt_hann() -> Tensor:
    """Return the square root of a periodic Hann window, [960] float64.

    Analysis and synthesis each apply it; half-overlapping frames then add up to the input.
    """
    return torch.hann_window(WINDOW, periodic=True, dtype=torch.float64).sqrt()


class Fourier(nn.Module):
    """Windowed real Fourier transform of frames and its inverse, by FFT."""

    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", sqrt_hann().float(), persistent=False)

    def analyse(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Transform frames [..., 960] to real and imaginary parts [..., 481]."""
        spectrum = torch.fft.rfft(frames * self.window)
        return spectrum.real, spectrum.imag

    def synthesise(self, re: Tensor, im: Tensor) -> Tensor:
        """Transform real and imaginary parts [..., 481] back to windowed frames [..., 960]."""
        return torch.fft.irfft(torch.complex(re, im), n=WINDOW) * self.window


def frame(audio: Tensor) -> Tensor:
    """Cut audio [batch, (frames + 1) * 480] into half-overlapping frames [batch, frames, 960]."""
    blocks = audio.unflatten(-1, (-1, HOP))
    return torch.cat([blocks[:, :-1], blocks[:, 1:]], dim=-1)


def overlap_add(frames: Tensor) -> Tensor:
    """Join frames [batch, frames, 960] into audio [batch, (frames - 1) * 480].

    frame j     |  head  |  tail  |
    frame j+1            |  head  |  tail  |
    audio                |block j |
    """
    return (frames[:, :-1, HOP:] + frames[:, 1:, :HOP]).flatten(1)
