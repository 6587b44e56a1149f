"""Short-time Fourier analysis and synthesis, by FFT for training and by small matrices for ONNX.

A 960-point transform as one matrix is 3.7 MB of constants and a matrix product of 0.9 M
multiplications per hop. Cooley and Tukey's factorisation 960 = 30 x 32 needs 19 kB and 0.1 M:

    n = 32 n1 + n2,  k = k1 + 30 k2
    X[k] = sum_n2 W32^(n2 k2) * ( W960^(n2 k1) * sum_n1 x[32 n1 + n2] W30^(n1 k1) )

Every step is a matrix product or a multiplication, so any ONNX runtime runs it at full precision.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

N1, N2 = 30, 32  # factors of the window
WINDOW = N1 * N2  # 960 samples: 20 ms
HOP = WINDOW // 2  # 480 samples: 10 ms
BINS = WINDOW // 2 + 1  # 481


def _angle(rows: int, columns: int, period: int) -> Tensor:
    """Return 2 pi r c / period for all r < rows, c < columns, exact in float64."""
    product = torch.outer(torch.arange(rows), torch.arange(columns)) % period
    return product.double() * (2 * math.pi / period)


class Fourier(nn.Module):
    """Windowed 960-point real Fourier transform of frames and its inverse.

    The window is the square root of a periodic Hann, on both sides, so that 50 % overlap adds up
    to exactly one. `matrices` selects the matrix form (export) instead of torch.fft (training).
    """

    window: Tensor
    cos1: Tensor
    sin1: Tensor
    cos2: Tensor
    sin2: Tensor
    cost: Tensor
    sint: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.matrices = False
        window = torch.hann_window(WINDOW, periodic=True, dtype=torch.float64).sqrt()
        self.register_buffer("window", window.float(), persistent=False)
        a1, a2, twiddle = _angle(N1, N1, N1), _angle(N2, N2, N2), _angle(N1, N2, WINDOW)
        for name, angle in (("1", a1), ("2", a2), ("t", twiddle)):
            self.register_buffer(f"cos{name}", angle.cos().float(), persistent=False)
            self.register_buffer(f"sin{name}", angle.sin().float(), persistent=False)

    def analyse(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Transform frames [..., 960] to real and imaginary parts [..., 481]."""
        frames = frames * self.window
        if not self.matrices:
            spectrum = torch.fft.rfft(frames)
            return spectrum.real, spectrum.imag
        x = frames.unflatten(-1, (N1, N2))  # [..., n1, n2]
        re, im = self.cos1 @ x, -(self.sin1 @ x)  # [..., k1, n2]
        re, im = re * self.cost + im * self.sint, im * self.cost - re * self.sint
        re, im = re @ self.cos2 + im @ self.sin2, im @ self.cos2 - re @ self.sin2  # [..., k1, k2]
        re, im = re.transpose(-1, -2).flatten(-2), im.transpose(-1, -2).flatten(-2)
        return re[..., :BINS], im[..., :BINS]

    def synthesise(self, re: Tensor, im: Tensor) -> Tensor:
        """Transform real and imaginary parts [..., 481] back to windowed frames [..., 960]."""
        if not self.matrices:
            return torch.fft.irfft(torch.complex(re, im), n=WINDOW) * self.window
        # Inverse of a one-sided spectrum: Re(sum c_k X_k e^(i k n)) / N, c = 1, 2, 2, ..., 2, 1.
        weight = torch.full((BINS,), 2.0 / WINDOW, device=re.device)
        weight[0] = weight[-1] = 1.0 / WINDOW
        re = nn.functional.pad(re * weight, (0, WINDOW - BINS))
        im = nn.functional.pad(im * weight, (0, WINDOW - BINS))
        re, im = re.unflatten(-1, (N2, N1)), im.unflatten(-1, (N2, N1))  # [..., k2, k1]
        re, im = self.cos2 @ re - self.sin2 @ im, self.cos2 @ im + self.sin2 @ re  # [.., n2, k1]
        cost, sint = self.cost.T, self.sint.T
        re, im = re * cost - im * sint, im * cost + re * sint
        x = re @ self.cos1 - im @ self.sin1  # [..., n2, n1], the real part alone
        return x.transpose(-1, -2).flatten(-2) * self.window


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
