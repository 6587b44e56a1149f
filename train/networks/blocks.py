"""The blocks of the `default` network: over time and positions, and over time alone.

The memory order of activations is [time, batch, position, channel]. A shift in time is then a
view, and the two taps of a causal convolution are two products that add into one result without a
copy.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .features import POSITIONS
from .norm import Norm

FULL_BAND_CHANNELS = 8  # channels per position at the input and output of the full-band path
NEGATIVE_SLOPE = 0.1  # of LeakyReLU; a learned PReLU cost a quarter of the training step on CPU


class _CausalConvolution(torch.autograd.Function):
    """y[t] = x[t] W0 + x[t - d] W1 on x [time, rows, channels], without temporaries."""

    @staticmethod
    def forward(ctx, x, w0, w1, dilation):
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
            x, w0, w1 = x.to(dtype), w0.to(dtype), w1.to(dtype)
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
            delayed = grad[dilation * rows :]
            grad_x[: -dilation * rows].addmm_(delayed, w1.T)
            grad_w1 = flat[: -dilation * rows].T @ delayed
        return grad_x.view_as(x), grad_w0, grad_w1, None


class _Modulation(torch.autograd.Function):
    """y = x * scale + shift; gradients are summed over time by products with ones.

    PyTorch's own sum of half-precision gradients takes twelve times as long (CPU), as much as a
    whole block.
    """

    @staticmethod
    def forward(ctx, x, scale, shift):
        scale = scale.to(x.dtype)
        ctx.save_for_backward(x, scale)
        return torch.addcmul(shift.to(x.dtype), x, scale)

    @staticmethod
    def backward(ctx, grad):
        x, scale = ctx.saved_tensors
        ones = x.new_ones(1, len(x))
        by_scale, by_shift = ((ones @ y.flatten(1)).view(y.shape[1:]) for y in (grad * x, grad))
        kind = torch.promote_types(x.dtype, torch.float32)
        return grad * scale, by_scale.sum(1, keepdim=True, dtype=kind), by_shift


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
        """Map x [time, batch, position, channel] to the same shape; silence precedes it."""
        rows = x.flatten(1, 2)
        u = _CausalConvolution.apply(rows, self.now, self.past, self.dilation)
        u = activate(self.norm(u)).reshape(-1, POSITIONS, x.shape[-1])
        mix = self.mix.expand(len(u), -1, -1)  # `mix @ u` would copy u to form one large product
        v = activate(torch.baddbmm(u, mix, u)).view_as(x)
        return add_product(x, v, self.out)


class TemporalBlock(nn.Module):
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
        """Map z [time, batch, size] to the same shape; silence precedes it."""
        u = self.norm(_CausalConvolution.apply(z, self.now, self.past, self.dilation))
        return add_product(z, activate(u), self.out)


def activate(x: Tensor) -> Tensor:
    """Apply LeakyReLU to x in place."""
    return F.leaky_relu(x, NEGATIVE_SLOPE, inplace=True)


def modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return x * scale + shift (FiLM, Perez et al., arXiv:1709.07871).

    x [time, batch, position, channel], scale [batch, 1, channel], shift [batch, position, channel].
    """
    return _Modulation.apply(x, scale, shift)


def add_product(x: Tensor, v: Tensor, weight: Tensor) -> Tensor:
    """Return x + v @ weight in one operation; x [..., size], v [..., n], weight [n, size]."""
    rows = x.reshape(-1, x.shape[-1])
    return torch.addmm(rows, v.reshape(-1, v.shape[-1]), weight).view_as(x)


class FullBand(nn.Module):
    """The full-band path: it reduces each frame to one vector and models that vector over time.

    The blocks share their weights over frequency; this path has weights for each position, so it
    can tell which kind of noise it is and who speaks.
    """

    def __init__(self, channels: int, size: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.dilations = dilations
        width = POSITIONS * FULL_BAND_CHANNELS
        self.narrow = nn.Linear(channels, FULL_BAND_CHANNELS, bias=False)
        self.narrow_norm = Norm(FULL_BAND_CHANNELS)
        self.gather, self.gather_norm = nn.Linear(width, size, bias=False), Norm(size)
        self.spread, self.spread_norm = nn.Linear(size, width, bias=False), Norm(width)
        widen = torch.randn(FULL_BAND_CHANNELS, channels)
        self.widen = nn.Parameter(widen * 0.3 * FULL_BAND_CHANNELS**-0.5)
        self.blocks: Any = nn.ModuleList(TemporalBlock(size, d) for d in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [time, batch, position, channel] to [time, batch, position, 8].

        The caller multiplies the result by `widen` and adds it to its own activations.
        """
        z = activate(self.narrow_norm(self.narrow(x))).flatten(2)
        z = activate(self.gather_norm(self.gather(z)))
        y = activate(self.spread_norm(self.spread(self.temporal_core(z))))
        return y.unflatten(-1, (POSITIONS, FULL_BAND_CHANNELS))

    def temporal_core(self, z: Tensor) -> Tensor:
        """Map z [time, batch, size] to the same shape; only this step combines several frames."""
        for block in self.blocks:
            z = block(z)
        return z


def concatenated_linear(layer: nn.Linear, *parts: Tensor) -> Tensor:
    """Return layer(torch.cat(parts, -1)) without the copy that concatenates them."""
    weights = layer.weight.split([x.shape[-1] for x in parts], dim=1)
    y = parts[0] @ weights[0].T
    for x, weight in zip(parts[1:], weights[1:], strict=True):
        y = add_product(y, x, weight.T)
    return y
