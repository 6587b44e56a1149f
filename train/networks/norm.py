"""Batch renormalisation of the last axis, over the batches of all processes; export folds it.

Ioffe, arXiv:1702.03275. Values are those of the running averages, as at run time; gradients are
those of batch normalisation (Ioffe and Szegedy, arXiv:1502.03167), so the scale of the weights
before it does not matter. With the moments of the batch, a clip of noise alone is told from
speech by the speech beside it in the batch: in training it went down by 55 dB, at run time by 35.

Without normalisation the inputs of nearly all units of the full-band path
kept one sign, so that LeakyReLU acted as a linear function and a deep path equalled one matrix.
There is no learned scale: the layer after a LeakyReLU can scale its input.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn

EPSILON = 1e-5
CHUNKS = 8  # rows are summed in chunks, whose float32 copies and squares stay in cache
MOMENTUM = 0.03  # of the running averages
# How far the batch's moments may lie from the running averages: further only at the beginning.
MOST_SCALED, MOST_SHIFTED = 3.0, 5.0


class _Moments(torch.autograd.Function):
    """Mean and mean square [2, size] of rows x [n, size], without temporaries as large as x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        dtype = torch.promote_types(x.dtype, torch.float32)
        moments = torch.zeros(2, x.shape[1], device=x.device, dtype=dtype)
        for part in x.chunk(CHUNKS):
            part = part.to(dtype)
            moments += torch.stack([part.sum(0), part.square().sum(0)])
        return moments / len(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        mean, square = (grad / len(x)).to(x.dtype)
        return torch.addcmul(mean, x, 2 * square)


class _ProcessMean(torch.autograd.Function):
    """The mean over all processes of torchrun; every process must call it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _process_mean(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return _process_mean(grad)


def _process_mean(x: Tensor) -> Tensor:
    x = x.clone()
    distributed.all_reduce(x)
    return x / distributed.get_world_size()


class Norm(nn.Module):
    """Subtract the mean of x [..., size], divide by its deviation, add a learned bias per unit."""

    mean: Tensor
    variance: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise by running averages, which each batch in training mode then moves."""
        if not self.training:
            scale, shift = self.scale_and_shift()
            return torch.addcmul(shift, x, scale)
        rows = x.reshape(-1, x.shape[-1])
        moments = _Moments.apply(rows)
        if distributed.is_available() and distributed.is_initialized():
            moments = _ProcessMean.apply(moments)
        mean, square = moments
        variance = (square - mean.square()).clamp(min=0)
        scale = torch.rsqrt(variance + EPSILON)
        with torch.no_grad():
            running, _ = self.scale_and_shift()
            stretch = (running / scale).clamp(1 / MOST_SCALED, MOST_SCALED)
            offset = ((mean - self.mean) * running).clamp(-MOST_SHIFTED, MOST_SHIFTED)
            self.mean.lerp_(mean, MOMENTUM)
            self.variance.lerp_(variance, MOMENTUM)
        scale = scale * stretch
        shift = self.bias + offset - mean * scale
        return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """Return the scale and shift [size] that the layer applies in eval mode."""
        scale = torch.rsqrt(self.variance + EPSILON)
        return scale, self.bias - self.mean * scale
