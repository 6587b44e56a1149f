"""Batch normalisation of the last axis, over all processes' batches; at export it folds away.

Ioffe and Szegedy, arXiv:1502.03167. Without it nearly all units of the full-band path ended where
a LeakyReLU does not bend, and a deep path was one matrix. There is no scale to learn: whatever
reads a LeakyReLU can scale it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn

EPSILON = 1e-5
CHUNKS = 8  # in which half-precision rows are summed, so that their float32 copies stay in cache
MOMENTUM = 0.03  # of the averages that take the batch's place when the network runs


class _Moments(torch.autograd.Function):
    """Mean and mean square [2, size] of rows x [n, size], without temporaries of x's size."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        kind = torch.promote_types(x.dtype, torch.float32)
        moments = torch.zeros(2, x.shape[1], device=x.device, dtype=kind)
        for part in x.chunk(1 if x.dtype == kind else CHUNKS):
            part = part.to(kind)
            squares = torch.linalg.vector_norm(part, dim=0).square()
            moments += torch.stack([part.sum(0), squares])
        return moments / len(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        mean, square = (grad / len(x)).to(x.dtype)
        return torch.addcmul(mean, x, 2 * square)


class _MeanOfAll(torch.autograd.Function):
    """The mean over all processes of torchrun; every one of them has to call it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _mean_of_all(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return _mean_of_all(grad)


def _mean_of_all(x: Tensor) -> Tensor:
    x = x.clone()
    distributed.all_reduce(x)
    return x / distributed.get_world_size()


class Norm(nn.Module):
    """x [..., size] less its mean, over its deviation, plus a bias of each unit."""

    mean: Tensor
    variance: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise by the batch in training, by the average batch otherwise."""
        if not self.training:
            scale, shift = self.folded()
            return torch.addcmul(shift, x, scale)
        rows = x.reshape(-1, x.shape[-1])
        moments = _Moments.apply(rows)
        if distributed.is_available() and distributed.is_initialized():
            moments = _MeanOfAll.apply(moments)
        mean, square = moments
        variance = (square - mean.square()).clamp(min=0)
        with torch.no_grad():
            self.mean.lerp_(mean, MOMENTUM)
            self.variance.lerp_(variance, MOMENTUM)
        scale = torch.rsqrt(variance + EPSILON)
        shift = self.bias - mean * scale
        return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return scale and shift [size] for outside training."""
        scale = torch.rsqrt(self.variance + EPSILON)
        return scale, self.bias - self.mean * scale
