"""The Fourier transform of `fourier.py` as a few small matrix products, for ONNX.

A 960-point transform as one matrix needs 3.7 MB of constants and 0.9 M multiplications per hop.
Cooley and Tukey's factorisation 960 = 30 x 32 needs 30 kB and 0.1 M:

    n = 32 n1 + n2,  k = k1 + 30 k2
    X[k] = sum_n2 W32^(n2 k2) * ( W960^(n2 k1) * sum_n1 x[32 n1 + n2] W30^(n1 k1) )

Audio is real, so k2 <= 16 gives all 481 bins. The multiplication by the complex twiddle factors is
one product with a table: the first stage writes each k1 as four rows (re, im, im, re), the table
holds (cos, sin, cos, -sin), and the second stage adds the four. A hop of live audio is faster with
fewer, larger operators, and any ONNX runtime computes these at full precision.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .fourier import BINS, WINDOW, sqrt_hann

N1, N2 = 30, 32  # factors of the window length
HALF = N2 // 2 + 1  # values of k2 needed for the 481 bins: 17


def _cos_and_sin(rows: int, columns: int, period: int) -> tuple[Tensor, Tensor]:
    """Return cos and sin of 2 pi r c / period, r < rows, c < columns, exact in float64."""
    product = torch.outer(torch.arange(rows), torch.arange(columns)) % period
    angle = product.double() * (2 * math.pi / period)
    return angle.cos(), angle.sin()


class MatrixFourier(nn.Module):
    """Windowed real Fourier transform of rows [n, 960] and its inverse, by matrix products."""

    window: Tensor
    first: Tensor
    twiddles: Tensor
    second: Tensor
    inverse_first: Tensor
    inverse_twiddles: Tensor
    inverse_second: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        c1, s1 = _cos_and_sin(N1, N1, N1)
        c2, s2 = (x[:, :HALF] for x in _cos_and_sin(N2, N2, N2))  # [n2, k2]
        cosines, sines = _cos_and_sin(N1, N2, WINDOW)  # [k1, n2]
        # Multiplication of (re, im) by e^(-i a) = cos a - i sin a, forward and inverse.
        from_re, from_im = torch.cat([c2, -s2], 1), torch.cat([s2, c2], 1)  # [n2, (re, im) k2]
        # Inverse of a one-sided spectrum: Re(sum c_k X_k e^(i k n)) / N, c = 1, 2, 2, ..., 2, 1.
        weight = torch.full((HALF * N1,), 2.0 / WINDOW, dtype=torch.float64)
        weight[0] = weight[BINS - 1] = 1.0 / WINDOW
        constants = {
            "window": sqrt_hann(),
            "first": _interleave_rows(c1, -s1, -s1, c1),  # [4 k1, n1]
            "twiddles": _interleave_rows(cosines, sines, cosines, -sines),  # [4 k1, n2]
            "second": torch.cat([from_re, from_re, from_im, from_im]),  # [4 n2, 2 k2]
            "inverse_first": _interleave_rows(from_re, from_im, from_im, from_re),  # [4 n2, 2 k2]
            "inverse_twiddles": _interleave_rows(
                cosines.T, -sines.T, cosines.T, sines.T
            ),  # [4 n2, k1]
            "inverse_second": torch.cat([c1, c1, -s1, -s1]),  # [4 k1, n1]: only the real part
            "weight": weight,
        }
        for name, constant in constants.items():
            self.register_buffer(name, constant.float(), persistent=False)

    def analyse(self, frames: Tensor) -> Tensor:
        """Transform frames [n, 960] to real and imaginary parts [n, 2, 481]."""
        x = self.first @ (frames * self.window).reshape(-1, N1, N2) * self.twiddles
        x = x.reshape(-1, N1, 4 * N2) @ self.second  # [n, k1, 2 k2]
        x = x.transpose(1, 2).reshape(-1, 2, HALF * N1).float()  # squares underflow as halves
        return x[..., :BINS]

    def synthesise(self, spectrum: Tensor) -> Tensor:
        """Transform real and imaginary parts [n, 2, 481] back to windowed frames [n, 960]."""
        x = nn.functional.pad(spectrum, (0, HALF * N1 - BINS)) * self.weight
        x = self.inverse_first @ x.reshape(-1, 2 * HALF, N1) * self.inverse_twiddles
        x = x.reshape(-1, N2, 4 * N1) @ self.inverse_second  # [n, n2, n1]
        return x.transpose(1, 2).reshape(-1, WINDOW) * self.window


def _interleave_rows(*parts: Tensor) -> Tensor:
    """Interleave the rows of matrices of one shape [rows, columns]."""
    return torch.stack(parts, 1).flatten(0, 1)
