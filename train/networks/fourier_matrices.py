"""The same Fourier transform as a few small matrix products, for ONNX.

A 960-point transform as one matrix is 3.7 MB of constants and a matrix product of 0.9 M
multiplications per hop. Cooley and Tukey's factorisation 960 = 30 x 32 needs 30 kB and 0.1 M:

    n = 32 n1 + n2,  k = k1 + 30 k2
    X[k] = sum_n2 W32^(n2 k2) * ( W960^(n2 k1) * sum_n1 x[32 n1 + n2] W30^(n1 k1) )

Audio is real, so k2 <= 16 gives all 481 bins. Real and imaginary parts lie side by side, so that
each stage is one product; any ONNX runtime runs it at full precision.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .fourier import BINS, WINDOW, window

N1, N2 = 30, 32  # factors of the window
HALF = N2 // 2 + 1  # values of k2 that reach the 481 bins: 17


def _turns(rows: int, columns: int, period: int) -> tuple[Tensor, Tensor]:
    """Return cos and sin of 2 pi r c / period, r < rows, c < columns, exact in float64."""
    product = torch.outer(torch.arange(rows), torch.arange(columns)) % period
    angle = product.double() * (2 * math.pi / period)
    return angle.cos(), angle.sin()


class MatrixFourier(nn.Module):
    """Windowed real Fourier transform of rows [n, 960] and its inverse, by matrix products."""

    window: Tensor
    first: Tensor
    second: Tensor
    inverse_first: Tensor
    inverse_second: Tensor
    cost: Tensor
    sint: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        c1, s1 = _turns(N1, N1, N1)
        c2, s2 = (x[:, :HALF] for x in _turns(N2, N2, N2))  # [n2, k2]
        # (re, im)(k2) from (re, im)(n2), and back: e^(-i a) = cos a - i sin a
        second = torch.cat([torch.cat([c2, -s2], 1), torch.cat([s2, c2], 1)])
        back = torch.cat([torch.cat([c2, -s2], 1), torch.cat([s2, c2], 1)])
        # Inverse of a one-sided spectrum: Re(sum c_k X_k e^(i k n)) / N, c = 1, 2, 2, ..., 2, 1.
        weight = torch.full((HALF * N1,), 2.0 / WINDOW, dtype=torch.float64)
        weight[0] = weight[BINS - 1] = 1.0 / WINDOW
        cost, sint = _turns(N1, N2, WINDOW)  # [k1, n2]
        tables = {
            "window": window(),
            "first": torch.cat([c1, -s1]),  # [2 k1, n1]
            "second": second,  # [2 n2, 2 k2]
            "inverse_first": back,  # [2 n2, 2 k2]
            "inverse_second": torch.cat([c1, -s1]),  # [2 k1, n1]: the real part alone
            "cost": cost,
            "sint": sint,
            "weight": weight,
        }
        for name, table in tables.items():
            self.register_buffer(name, table.float(), persistent=False)

    def analyse(self, frames: Tensor) -> Tensor:
        """Transform frames [n, 960] to real and imaginary parts [n, 2, 481]."""
        x = self.first @ (frames * self.window).reshape(-1, N1, N2)  # [n, 2 k1, n2]
        re, im = x[:, :N1], x[:, N1:]
        turned = [re * self.cost + im * self.sint, im * self.cost - re * self.sint]
        x = torch.cat(turned, dim=-1) @ self.second  # [n, k1, 2 k2]
        x = x.transpose(1, 2).reshape(-1, 2, HALF * N1).float()  # squares underflow in halves
        return x[..., :BINS]

    def synthesise(self, spectrum: Tensor) -> Tensor:
        """Transform real and imaginary parts [n, 2, 481] back to windowed frames [n, 960]."""
        x = nn.functional.pad(spectrum, (0, HALF * N1 - BINS)) * self.weight
        x = self.inverse_first @ x.reshape(-1, 2 * HALF, N1)  # [n, 2 n2, k1]
        re, im = x[:, :N2], x[:, N2:]
        cost, sint = self.cost.T, self.sint.T
        turned = [re * cost - im * sint, im * cost + re * sint]
        x = torch.cat(turned, dim=-1) @ self.inverse_second  # [n, n2, n1]
        return x.transpose(1, 2).reshape(-1, WINDOW) * self.window
