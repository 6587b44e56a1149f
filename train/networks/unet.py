"""A waveform U-Net: strided causal Conv1d down to 10 ms, a dilated Conv1d core, and up with skips.

It has the structure of Demucs for speech (Defossez et al., arXiv:2006.12847), with a dilated core
in place of the LSTM so that its memory stays under one second. Its latency is one hop: 10 ms.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .embedding import sinusoidal_embedding
from .interface import DenoisingNetwork

STRIDES = (4, 4, 5, 6)  # their product is the hop: 480 samples
NEGATIVE_SLOPE = 0.1


class _Down(nn.Module):
    """Causal strided convolution with a kernel of two strides, then a 1x1 convolution."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv1d(in_channels, out_channels, 2 * stride, stride)
        self.mix = nn.Conv1d(out_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.conv(F.pad(x, (self.stride, 0))), NEGATIVE_SLOPE)
        return F.leaky_relu(self.mix(x), NEGATIVE_SLOPE)


class _Up(nn.Module):
    """1x1 convolution of input and skip, then a transposed convolution that overlaps one step."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.mix = nn.Conv1d(2 * in_channels, in_channels, 1)
        self.conv = nn.ConvTranspose1d(in_channels, out_channels, 2 * stride, stride)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.leaky_relu(self.mix(torch.cat([x, skip], dim=1)), NEGATIVE_SLOPE)
        return self.conv(x)[..., : -self.stride]


class _Core(nn.Module):
    """Residual two-tap causal convolution with dilation."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.conv = nn.Conv1d(channels, channels, 2, dilation=dilation)
        self.out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        u = F.leaky_relu(self.conv(F.pad(x, (self.dilation, 0))), NEGATIVE_SLOPE)
        return x + self.out(u)


class WaveUNet(DenoisingNetwork):
    """U-Net from waveform to waveform; audio [batch, 1, samples], samples a multiple of 480."""

    def __init__(
        self,
        channels: tuple[int, ...] = (24, 48, 96, 192),
        dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 1, 2),
        embedding: int = 64,
    ) -> None:
        super().__init__()
        widths, self.embedding = (1, *channels), embedding
        pairs = list(zip(widths[:-1], widths[1:], STRIDES, strict=True))
        self.down: Any = nn.ModuleList(_Down(a, b, s) for a, b, s in pairs)
        self.up: Any = nn.ModuleList(_Up(b, a, s) for a, b, s in reversed(pairs))
        self.core = nn.Sequential(*(_Core(channels[-1], d) for d in dilations))
        film = nn.Linear(embedding, channels[-1])
        nn.init.zeros_(film.weight)
        nn.init.zeros_(film.bias)
        self.timestep = nn.Sequential(nn.Linear(embedding, embedding), nn.SiLU(), film)
        self.hop, self.lookahead = 1, 0
        for stride in STRIDES:
            self.hop *= stride
        self.context = self._receptive_field(sum(dilations))

    def _receptive_field(self, memory: int) -> int:
        """Return the context in samples: trace a hop's first sample back through every layer."""
        first = 0
        for stride in STRIDES:  # up: output o depends on steps o // s - 1 and o // s
            first = first // stride - 1
        first -= memory
        for stride in reversed(STRIDES):  # down: step i reads samples (i - 1) s .. (i + 1) s - 1
            first = (first - 1) * stride
        return -first

    def condition(self, t: Tensor) -> Tensor:
        """Map timesteps [batch] to a shift of the core's input, [batch, channels]."""
        return self.timestep(sinusoidal_embedding(t, self.embedding))

    def denoise(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise audio [batch, 1, samples]."""
        x, skips = audio, []
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        x = self.core(x + conditioning[:, :, None])
        for layer, skip in zip(self.up, reversed(skips), strict=True):
            x = layer(x, skip)
        return x
