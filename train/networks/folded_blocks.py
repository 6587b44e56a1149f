"""Blocks of the `default` network as exported: both taps one product, the norm folded in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import SLOPE, Block, TimeBlock
from .features import POSITIONS
from .norm import Norm

Past = list[Any]  # tensors, or None where silence came before


@torch.no_grad()
def normed(weight: Tensor, norm: Norm) -> tuple[Tensor, Tensor]:
    """Return the matrix [inputs, outputs] and bias that `norm` makes of x @ weight."""
    scale, bias = norm.folded()
    return (weight * scale).contiguous(), bias.detach()


def append(past: Tensor, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Join frames `past` [m, *shape] and rows x of the same, frames slowest.

    `shape` is told, not read off `past`: a graph would ask for each size at every hop.
    """
    x = x.reshape(-1, *shape)
    return torch.cat([past, x]) if len(past) else x


def later(x: Tensor, frames: int, shape: tuple[int, ...], drop: bool = False) -> Tensor:
    """Put `frames` of silence before rows x, as frames [n, *shape]; `drop` as many at the end."""
    x = x.reshape(-1, *shape)
    frames = min(frames, len(x)) if drop else frames
    return F.pad(x, (0, 0) * len(shape) + (frames, -frames if drop else 0))


def newest(x: Tensor, like: Tensor) -> Tensor:
    """Return the last rows of x, as many as `like` has at most; x itself where that is all."""
    return x if len(x) <= len(like) else x[-like.shape[0] :]


class FoldedTimeBlock(nn.Module):
    """A block of the full-band path on rows [n, size]; `past` [d, batch, size] comes before.

    Where `past` has no frames, the first d of x are what comes before: d fewer go out. Without
    `past` silence comes before, and nothing is remembered.
    """

    now: Tensor  # [size, size]
    before: Tensor
    bias: Tensor
    out: Tensor

    def __init__(self, block: Block | TimeBlock) -> None:
        super().__init__()
        self.dilation, self.size = block.dilation, len(block.out)
        self.frame: tuple[int, ...] = (self.size,)
        now, bias = normed(block.now, block.norm)
        self.register_buffer("now", now)
        self.register_buffer("before", normed(block.past, block.norm)[0])
        self.register_buffer("bias", bias)
        self.register_buffer("out", block.out.detach())

    def forward(self, x: Tensor, past: Tensor | None, batch: int) -> tuple[Tensor, Tensor | None]:
        """Map rows and `past` to new rows and the next past."""
        before, following = self._before(x, past, batch)
        x = newest(x, before)
        u = torch.addmm(torch.addmm(self.bias, before, self.before), x, self.now)
        u = F.leaky_relu(u, SLOPE)
        return torch.addmm(x, self._mixed(u), self.out), following

    def _before(self, x: Tensor, past: Tensor | None, batch: int) -> tuple[Tensor, Tensor | None]:
        """Return the rows `dilation` frames before those of x, and the next past.

        The past is joined and cut as it lies in the states: most of what a hop moves in memory.
        """
        shape = (batch, *self.frame)
        if past is None:  # one copy instead of two
            return later(x, self.dilation, shape, drop=True).reshape(-1, self.size), None
        joined = append(past, x, shape)
        return joined[: -self.dilation].reshape(-1, self.size), joined[-self.dilation :]

    def _mixed(self, u: Tensor) -> Tensor:
        return u


class FoldedBlock(FoldedTimeBlock):
    """The same on rows [n, channels] of positions, which it mixes."""

    mix: Tensor

    def __init__(self, block: Block) -> None:
        super().__init__(block)
        self.frame = (POSITIONS, self.size)
        self.register_buffer("mix", block.mix.detach() + torch.eye(POSITIONS))

    def _mixed(self, u: Tensor) -> Tensor:
        v = self.mix @ u.reshape(-1, *self.frame)
        return F.leaky_relu(v, SLOPE).reshape(-1, self.size)
