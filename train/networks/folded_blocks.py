"""Exported blocks of the `default` network: both taps are one product, the norm is folded in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import NEGATIVE_SLOPE, Block, TemporalBlock
from .features import POSITIONS
from .norm import Norm

States = list[Any]  # tensors of past frames, or None where silence precedes the input


@torch.no_grad()
def fold_norm(weight: Tensor, norm: Norm) -> tuple[Tensor, Tensor]:
    """Return the matrix [inputs, outputs] and bias that equal norm(x @ weight)."""
    scale, bias = norm.scale_and_shift()
    return (weight * scale).contiguous(), bias.detach()


def append_frames(past: Tensor, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Append rows x, frames slowest, to the frames `past` [m, *shape].

    The caller gives `shape`: reading it from `past` would add operators to the graph.
    """
    x = x.reshape(-1, *shape)
    return torch.cat([past, x]) if len(past) else x


def delay(x: Tensor, frames: int, shape: tuple[int, ...], drop: bool = False) -> Tensor:
    """Put `frames` of silence before rows x and return frames [n, *shape].

    With `drop` as many frames are removed at the end.
    """
    x = x.reshape(-1, *shape)
    frames = min(frames, len(x)) if drop else frames
    return F.pad(x, (0, 0) * len(shape) + (frames, -frames if drop else 0))


def last_rows(x: Tensor, like: Tensor) -> Tensor:
    """Return the last rows of x, at most as many as `like` has."""
    return x if len(x) <= len(like) else x[-like.shape[0] :]


class FoldedTemporalBlock(nn.Module):
    """A block of the full-band path on rows [n, size], with the state [dilation, batch, size].

    A state without frames makes the block take its past from the first `dilation` frames of the
    input, so that it returns `dilation` frames fewer. A state of None stands for silence, and the
    block then returns no state.
    """

    now: Tensor  # [size, size]
    past: Tensor
    bias: Tensor
    out: Tensor

    def __init__(self, block: Block | TemporalBlock) -> None:
        super().__init__()
        self.dilation, self.size = block.dilation, len(block.out)
        self.frame_shape: tuple[int, ...] = (self.size,)
        now, bias = fold_norm(block.now, block.norm)
        self.register_buffer("now", now)
        self.register_buffer("past", fold_norm(block.past, block.norm)[0])
        self.register_buffer("bias", bias)
        self.register_buffer("out", block.out.detach())

    def forward(self, x: Tensor, state: Tensor | None, batch: int) -> tuple[Tensor, Tensor | None]:
        """Map rows and the state to new rows and the next state."""
        delayed, next_state = self._delayed(x, state, batch)
        x = last_rows(x, delayed)
        u = torch.addmm(torch.addmm(self.bias, delayed, self.past), x, self.now)
        u = F.leaky_relu(u, NEGATIVE_SLOPE)
        return torch.addmm(x, self._mix_positions(u), self.out), next_state

    def _delayed(self, x: Tensor, state: Tensor | None, batch: int) -> tuple[Tensor, Tensor | None]:
        """Return the rows `dilation` frames before those of x, and the next state.

        The state is joined and cut in the layout in which it is stored, because these copies are
        most of the memory traffic of a hop.
        """
        shape = (batch, *self.frame_shape)
        if state is None:  # one copy instead of two
            return delay(x, self.dilation, shape, drop=True).reshape(-1, self.size), None
        joined = append_frames(state, x, shape)
        return joined[: -self.dilation].reshape(-1, self.size), joined[-self.dilation :]

    def _mix_positions(self, u: Tensor) -> Tensor:
        return u


class FoldedBlock(FoldedTemporalBlock):
    """A block on rows [n, channels] of positions, which also mixes the positions."""

    mix: Tensor

    def __init__(self, block: Block) -> None:
        super().__init__(block)
        self.frame_shape = (POSITIONS, self.size)
        self.register_buffer("mix", block.mix.detach() + torch.eye(POSITIONS))

    def _mix_positions(self, u: Tensor) -> Tensor:
        v = self.mix @ u.reshape(-1, *self.frame_shape)
        return F.leaky_relu(v, NEGATIVE_SLOPE).reshape(-1, self.size)
