"""The `default` network as it is exported: t fixed at 0, few and large operators.

    rows [frames * batch * positions, channels], frames slowest: a shift in time is a slice

Both taps of a block are one matrix product, the timestep's scale and shift and the skip around
the frequency mixing disappear into weights, and shapes are constants but for one dynamic length,
so that onnxruntime fuses each product with the activation after it.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..network_api import DenoisingNetwork, zero_timestep
from . import default
from .default import HIGH_STRIDE, LOW, LOW_BINS, LOW_KERNEL, LOW_STRIDE, POSITIONS, SLOPE
from .fourier import BINS, HOP, frame, overlap_add
from .fourier_matrices import MatrixFourier


class FoldedBlock(nn.Module):
    """A block on rows [n, channels]; `past` rows come before them."""

    taps: Tensor
    bias: Tensor
    mix: Tensor
    out: Tensor
    out_bias: Tensor

    def __init__(self, block: default.Block) -> None:
        super().__init__()
        self.register_buffer("taps", _taps(block))
        self.register_buffer("bias", block.bias.detach())
        self.register_buffer("mix", block.mix.detach() + torch.eye(POSITIONS))
        self.register_buffer("out", block.out.weight.detach().T.contiguous())
        self.register_buffer("out_bias", block.out.bias.detach())

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Map rows [n, channels] and `past` [m, channels] to new rows and the next past."""
        channels, count = x.shape[1], x.shape[0]
        joined = torch.cat([past, x])
        pair = torch.cat([x, joined[:count]], dim=1)
        u = F.leaky_relu(torch.addmm(self.bias, pair, self.taps), SLOPE)
        v = F.leaky_relu(self.mix @ u.reshape(-1, POSITIONS, channels), SLOPE)
        y = torch.addmm(self.out_bias, v.reshape(-1, channels), self.out)
        return x + y, joined[count:]


def _taps(block: default.Block | default.TimeBlock) -> Tensor:
    """Both taps of a block as one matrix [2 channels, channels]."""
    return torch.cat([block.now, block.past]).detach()


class FoldedTimeBlock(nn.Module):
    """A block of the full-band path on rows [n, size]; `past` rows come before them."""

    taps: Tensor

    def __init__(self, block: default.TimeBlock) -> None:
        super().__init__()
        self.dilation = block.dilation
        self.register_buffer("taps", _taps(block))
        self.bias, self.out = block.bias, block.out

    def forward(self, z: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Map rows [n, size] and `past` [m, size] to new rows and the next past."""
        count = z.shape[0]
        joined = torch.cat([past, z])
        pair = torch.cat([z, joined[:count]], dim=1)
        u = F.leaky_relu(torch.addmm(self.bias, pair, self.taps), SLOPE)
        return z + self.out(u), joined[count:]


class FoldedDenoiser(DenoisingNetwork):
    """What `SpectralDenoiser.for_export` returns; `conditioning` is folded in and not read."""

    hop = HOP
    streams = True
    shift: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, network: default.SpectralDenoiser) -> None:
        super().__init__()
        self.context, self.lookahead = network.context, network.lookahead
        self.channels, self.dilations = network.channels, network.dilations
        self.leave, self.join, self.full_band = network.leave, network.join, network.full_band
        self.time_blocks: Any = nn.ModuleList()
        if self.full_band:
            self.time_blocks.extend(FoldedTimeBlock(b) for b in self.full_band.blocks)
        self.fourier = MatrixFourier()
        with torch.no_grad():
            film = network.condition(zero_timestep(1))
            scale, shift = (1 + film[0, : self.channels]), film[0, self.channels :]
            low, high = network.encode_low, network.encode_high
            biases = [low.bias.expand(LOW, -1), high.bias.expand(POSITIONS - LOW, -1)]
            self.register_buffer("shift", (torch.cat(biases) + network.position) * scale + shift)
            room = (0, 0, 0, 3 * (2 * LOW_STRIDE - LOW_KERNEL))  # a tenth tap of weight zero
            self.register_buffer("low", F.pad((low.weight * scale[:, None]).T, room))
            self.register_buffer("high", (high.weight * scale[:, None]).T.contiguous())
        self.blocks: Any = nn.ModuleList(FoldedBlock(block) for block in network.blocks)
        self.decode, self.mask_low = network.decode, network.mask_low
        self.mask_high = network.mask_high

    def condition(self, t: Tensor) -> Tensor:
        """Return a placeholder: t = 0 is folded into the weights."""
        return torch.zeros(len(t), 1)

    def initial_states(self, batch: int) -> list[Tensor]:
        """Zeros: the previous input block, the previous output tail, each block's past frames."""
        return [torch.zeros(shape) for shape in self._shapes(batch)]

    def denoise(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise audio [batch, 1, samples]; samples a multiple of 480."""
        frames = frame(F.pad(audio[:, 0], (HOP, HOP)))
        batch = audio.shape[0]
        past = [
            audio.new_zeros(batch * math.prod(before) * d, last)
            for d, _, *before, last in self._shapes(1)[2:]
        ]
        return overlap_add(self._frames(frames, past, batch)[0])[:, None]

    def stream(
        self, audio: Tensor, conditioning: Tensor, states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Denoise [batch, 1, n * 480] samples, delayed by 480; see `initial_states`."""
        before, tail, *past = states
        padded = torch.cat([before, audio[:, 0]], dim=-1)
        shapes = self._shapes(-1)[2:]
        rows = [x.reshape(-1, s[-1]) for x, s in zip(past, shapes, strict=True)]
        frames, following = self._frames(frame(padded), rows, audio.shape[0])
        tails = torch.cat([tail[:, None], frames[:, :, HOP:]], dim=1)
        out = (frames[:, :, :HOP] + tails[:, :-1]).flatten(1)[:, None]
        shaped = [x.reshape(s) for x, s in zip(following, shapes, strict=True)]
        return out, [padded[:, -HOP:], tails[:, -1], *shaped]

    def _shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Shapes of the states: two of audio, one a block, one a block of the full-band path."""
        blocks = [(d, batch, POSITIONS, self.channels) for d in self.dilations]
        beside = [(b.dilation, batch, b.bias.shape[0]) for b in self.time_blocks]
        return [(batch, HOP), (batch, HOP), *blocks, *beside]

    def _frames(
        self, frames: Tensor, past: list[Tensor], batch: int
    ) -> tuple[Tensor, list[Tensor]]:
        """Denoise frames [batch, time, 960]; the rest runs on time-major rows."""
        re, im = self.fourier.analyse(frames.transpose(0, 1).reshape(-1, 2 * HOP))
        first = self._encode(re, im).reshape(-1, self.channels)
        x, count = first, len(self.blocks)
        following, later = past[:count], past[count:]
        for i, block in enumerate(self.blocks):
            if i == self.leave and self.full_band:
                beside, later = self._full_band(x, later)
            if i == self.join and self.full_band:
                x = x + beside
            x, following[i] = block(x, past[i])
        re, im = self._mask(re, im, torch.cat([x, first], dim=1))
        out = self.fourier.synthesise(re, im).reshape(-1, batch, 2 * HOP)
        return out.transpose(0, 1), [*following, *later]

    def _full_band(self, x: Tensor, past: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Map rows [n * positions, channels] to what joins them later; one row a frame inside."""
        path: Any = self.full_band
        z = F.leaky_relu(path.narrow(x), SLOPE).reshape(-1, POSITIONS * default.NARROW)
        z = F.leaky_relu(path.gather(z), SLOPE)
        z, following = self._remember(z, past)
        y = F.leaky_relu(path.spread(z), SLOPE).reshape(-1, default.NARROW)
        return path.widen(y), following

    def _remember(self, z: Tensor, past: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Look back in time on rows [n, size]; returns them and the next past."""
        following = []
        for block, before in zip(self.time_blocks, past, strict=True):
            z, after = block(z, before)
            following.append(after)
        return z, following

    def _encode(self, re: Tensor, im: Tensor) -> Tensor:
        magnitude = re * re + im * im + 1e-8
        # One logarithm and one exponential: powers are slow.
        gain = torch.exp(torch.log(magnitude) * ((default.COMPRESSION - 1) / 2))
        compressed = magnitude * gain * torch.rsqrt(magnitude)
        parts = [x[:, :LOW_BINS] for x in (compressed, re * gain, im * gain)]
        low = F.pad(torch.stack(parts, dim=-1), (0, 0, 2, 2 * LOW_STRIDE - 7))
        groups = low.reshape(-1, LOW + 1, 3 * LOW_STRIDE)
        low = torch.cat([groups[:, :-1], groups[:, 1:]], dim=-1) @ self.low
        high = compressed[:, LOW_BINS : BINS - 1].reshape(-1, POSITIONS - LOW, HIGH_STRIDE)
        x = torch.cat([low, high @ self.high], dim=1)
        return F.leaky_relu(x + self.shift, SLOPE)

    def _mask(self, re: Tensor, im: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.leaky_relu(self.decode(x), SLOPE).reshape(-1, POSITIONS, self.channels)
        low = self.mask_low(x[:, :LOW])
        real = low[..., :LOW_STRIDE].reshape(-1, LOW_BINS)
        imaginary = low[..., LOW_STRIDE:].reshape(-1, LOW_BINS)
        gain = torch.sigmoid(self.mask_high(x[:, LOW:])).reshape(-1, BINS - 1 - LOW_BINS)
        gain = torch.cat([gain, gain[:, -1:]], dim=-1)  # the Nyquist bin goes with its neighbour
        a, b = re[:, :LOW_BINS], im[:, :LOW_BINS]
        re = torch.cat([a * real - b * imaginary, re[:, LOW_BINS:] * gain], dim=-1)
        im = torch.cat([a * imaginary + b * real, im[:, LOW_BINS:] * gain], dim=-1)
        return re, im
