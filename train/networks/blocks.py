"""The blocks of the `default` network: over time and positions, and over time alone.

Activations lie in memory as [time, batch, position, channel]: a shift in time is then a view, and
the two taps of a causal convolution are two products that add into one result without a copy.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .features import POSITIONS
from .norm import Norm

NARROW = 8  # channels of a position as the full-band path sees it
SLOPE = 0.1  # of LeakyReLU; a learned PReLU cost a quarter of the training step on CPU


class _CausalTaps(torch.autograd.Function):
    """y[t] = x[t] W0 + x[t - d] W1 on x [time, rows, channels], without temporaries."""

    @staticmethod
    def forward(ctx, x, w0, w1, dilation):
        if torch.is_autocast_enabled(x.device.type):
            kind = torch.get_autocast_dtype(x.device.type)
            x, w0, w1 = x.to(kind), w0.to(kind), w1.to(kind)
        ctx.save_for_backward(x, w0, w1)
        ctx.dilation = dilation
        time, rows, channels = x.shape
        y = x.reshape(-1, channels) @ w0
        if time > dilation:
            y[dilation * rows :].addmm_(x[:-dilation].reshape(-1, channels), w1)
        return y.view(time, rows, -1)

    @staticmethod
    def backward(ctx, grad):
        x, w0, w1 = ctx.saved_tensors
        dilation, (time, rows, channels) = ctx.dilation, x.shape
        flat, grad = x.reshape(-1, channels), grad.reshape(time * rows, -1)
        grad_x, grad_w0, grad_w1 = grad @ w0.T, flat.T @ grad, torch.zeros_like(w1)
        if time > dilation:
            late = grad[dilation * rows :]
            grad_x[: -dilation * rows].addmm_(late, w1.T)
            grad_w1 = flat[: -dilation * rows].T @ late
        return grad_x.view_as(x), grad_w0, grad_w1, None


class Block(nn.Module):
    """Residual block: two-tap causal convolution in time, then mixing over frequency."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        scale = (2 * channels) ** -0.5
        self.now = nn.Parameter(torch.randn(channels, channels) * scale)
        self.past = nn.Parameter(torch.randn(channels, channels) * scale)
        self.norm = Norm(channels)
        self.mix = nn.Parameter(torch.randn(POSITIONS, POSITIONS) * POSITIONS**-0.5)
        self.out = nn.Parameter(torch.randn(channels, channels) * 0.3 * channels**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [time, batch, position, channel] to the same shape; silence came before it."""
        rows = x.flatten(1, 2)
        u = _CausalTaps.apply(rows, self.now, self.past, self.dilation)
        u = activate(self.norm(u)).reshape(-1, POSITIONS, x.shape[-1])
        mix = self.mix.expand(len(u), -1, -1)  # `mix @ u` would copy u to have one large product
        v = activate(torch.baddbmm(u, mix, u)).view_as(x)
        return added(x, v, self.out)


class TimeBlock(nn.Module):
    """Residual two-tap causal convolution over time, on vectors."""

    def __init__(self, size: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        scale = (2 * size) ** -0.5
        self.now = nn.Parameter(torch.randn(size, size) * scale)
        self.past = nn.Parameter(torch.randn(size, size) * scale)
        self.norm = Norm(size)
        self.out = nn.Parameter(torch.randn(size, size) * 0.3 * size**-0.5)

    def forward(self, z: Tensor) -> Tensor:
        """Map z [time, batch, size] to the same shape; silence came before it."""
        u = self.norm(_CausalTaps.apply(z, self.now, self.past, self.dilation))
        return added(z, activate(u), self.out)


def activate(x: Tensor) -> Tensor:
    """LeakyReLU in place of x."""
    return F.leaky_relu(x, SLOPE, inplace=True)


def added(x: Tensor, v: Tensor, weight: Tensor) -> Tensor:
    """Return x + v @ weight of x [..., size], v [..., values], weight [values, size] at once."""
    rows = x.reshape(-1, x.shape[-1])
    return torch.addmm(rows, v.reshape(-1, v.shape[-1]), weight).view_as(x)


class FullBand(nn.Module):
    """All frequencies as one vector: what kind of noise is this, and who speaks?"""

    def __init__(self, channels: int, size: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.dilations = dilations
        wide = POSITIONS * NARROW
        self.narrow, self.narrow_norm = nn.Linear(channels, NARROW, bias=False), Norm(NARROW)
        self.gather, self.gather_norm = nn.Linear(wide, size, bias=False), Norm(size)
        self.spread, self.spread_norm = nn.Linear(size, wide, bias=False), Norm(wide)
        self.widen = nn.Parameter(torch.randn(NARROW, channels) * 0.3 * NARROW**-0.5)
        self.blocks: Any = nn.ModuleList(TimeBlock(size, d) for d in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [time, batch, position, channel] to values [.., position, 8]; see `widen`."""
        z = activate(self.narrow_norm(self.narrow(x))).flatten(2)
        z = activate(self.gather_norm(self.gather(z)))
        y = activate(self.spread_norm(self.spread(self.remember(z))))
        return y.unflatten(-1, (POSITIONS, NARROW))

    def remember(self, z: Tensor) -> Tensor:
        """Map z [time, batch, size] to the same shape: where time is looked back on."""
        for block in self.blocks:
            z = block(z)
        return z


def joined_linear(layer: nn.Linear, *parts: Tensor) -> Tensor:
    """Return layer(torch.cat(parts, -1)) without the copy that joins them."""
    weights = layer.weight.split([x.shape[-1] for x in parts], dim=1)
    y = parts[0] @ weights[0].T
    for x, weight in zip(parts[1:], weights[1:], strict=True):
        y = added(y, x, weight.T)
    return y
