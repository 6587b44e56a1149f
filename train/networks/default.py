"""The `default` network: Conv1D encoder-decoder over the compressed spectrum, 20 ms latency.

    audio -> frames -> compressed spectrum, and below 8 kHz what each bin was like in the last 0.5 s
             and what four frames taken together hear at it and half a bin above it
          -> Conv1d over frequency (stride 5 below 8 kHz, 40 above)
          -> blocks: [dilated causal Conv1d over time, mixing over all frequencies] + skip
             beside some of them: all frequencies as one vector, dilated Conv1d over time
          -> ConvTranspose1d over frequency
          -> beside what the encoder saw of each bin: below 8 kHz a complex filter over the last
             frames, above a gain -> audio

In the blocks weights are shared over frequency; the full-band path knows which frequency is
which, at little cost. All products are plain matrix products.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtdenoise.errors import RtdenoiseError

from .blocks import Block, FullBand, activate, added, joined_linear
from .embedding import sinusoidal_embedding
from .features import (
    FINE,
    HIGH_GROUP,
    HIGH_STRIDE,
    LOW,
    LOW_BINS,
    LOW_KERNEL,
    LOW_STRIDE,
    POSITIONS,
    SMOOTH,
    see,
)
from .fourier import HOP, WINDOW, Fourier, frame, overlap_add
from .interface import DenoisingNetwork
from .norm import Norm


class SpectralDenoiser(DenoisingNetwork):
    """The bundled network. `channels` and `dilations` set its size and its memory in frames.

    The full-band path of `full_band` values leaves after block `leave` and joins before block
    `join`; `full_band` 0 does without it. `history` frames give each bin its mean and its least
    magnitude, the noise's as a rule; a bin's output is a filter over its last `taps` frames (as in
    Schroeter et al., DeepFilterNet, arXiv:2110.05588), which tells harmonics apart that lie closer
    than a 20 ms window does; `fine` shows the encoder where they lie. `detail` values decide on
    the filters of a position: a few channels cannot say how loud each of its bins is, so that the
    decoder sees that too. `level_invariant` divides what the network sees by a running level of
    the last half second, and needs a `history`: a recording that is 40 dB quieter then gives the
    same output, 40 dB quieter.
    """

    hop = HOP
    streams = True

    def __init__(
        self,
        channels: int = 64,
        dilations: tuple[int, ...] = (1, 2, 4, 8, 4),
        embedding: int = 64,
        full_band: int = 192,
        full_band_dilations: tuple[int, ...] = (1, 4, 16),
        leave: int = 1,
        join: int = 1,
        history: int = 54,
        high_history: bool = True,
        taps: int = 4,
        fine: bool = True,
        detail: int = 96,
        level_invariant: bool = True,
    ) -> None:
        super().__init__()
        if fine and taps < FINE:
            raise RtdenoiseError(f"network option fine needs taps of at least {FINE}: not {taps}")
        self.leave, self.join, self.history, self.taps = leave, join, history, taps
        self.fine, self.detail = fine, detail
        self.high_history = bool(high_history and history)
        self.level_invariant = bool(level_invariant and history)
        self.channels, self.dilations, self.embedding = channels, tuple(dilations), embedding
        beside = sum(full_band_dilations) if full_band else 0
        memory = sum(dilations[:leave]) + sum(dilations[join:])
        looked_back = history + SMOOTH - 2 if history else (FINE - 1) * fine
        self.in_blocks = max(sum(dilations), memory + beside)  # frames they look back together
        frames = max(looked_back + self.in_blocks, taps - 1)
        self.context = WINDOW - HOP + frames * HOP
        self.lookahead = WINDOW - HOP
        self.fourier = Fourier()
        self.encode_low = nn.Linear(LOW_KERNEL * self.features, channels, bias=False)
        self.encode_high = nn.Linear(self.high_features, channels, bias=False)
        self.norm_low, self.norm_high = Norm(channels), Norm(channels)
        self.position = nn.Parameter(torch.zeros(POSITIONS, channels))
        film = nn.Linear(embedding, 2 * channels)
        nn.init.zeros_(film.weight)  # FiLM starts as the identity
        nn.init.zeros_(film.bias)
        self.timestep = nn.Sequential(nn.Linear(embedding, embedding), nn.SiLU(), film)
        self.blocks: Any = nn.ModuleList(Block(channels, d) for d in dilations)
        self.full_band = FullBand(channels, full_band, full_band_dilations) if full_band else None
        seen_low, seen_high = LOW_KERNEL * self.features, self.high_features
        self.decode_low = nn.Linear(2 * channels + seen_low, detail, bias=False)
        self.decode_high = nn.Linear(2 * channels + seen_high, detail, bias=False)
        self.decode_low_norm, self.decode_high_norm = Norm(detail), Norm(detail)
        self.filter = nn.Linear(detail, taps * 2 * LOW_STRIDE)
        self.gain_low = nn.Linear(detail, LOW_STRIDE)
        self.gain_high = nn.Linear(detail, HIGH_STRIDE)
        with torch.no_grad():  # starts near the newest frame
            self.filter.weight *= 0.1
            self.filter.bias.zero_()
            self.filter.bias[:LOW_STRIDE] = 1

    @property
    def features(self) -> int:
        """Values the encoder sees of a bin: magnitude, real, imaginary (mean, least) (fine two)."""
        return 3 + 2 * (self.history > 0) + 2 * self.fine

    @property
    def high_features(self) -> int:
        """Values the encoder sees of a high position: magnitudes (means, least ones)."""
        return HIGH_STRIDE + 2 * (HIGH_STRIDE // HIGH_GROUP) * self.high_history

    def condition(self, t: Tensor) -> Tensor:
        """Map timesteps [batch] to FiLM scale and shift [batch, 2 * channels]."""
        return self.timestep(sinusoidal_embedding(t, self.embedding))

    def denoise(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise audio [batch, 1, samples]; samples a multiple of 480."""
        frames = frame(F.pad(audio[:, 0], (HOP, HOP)))
        re, im = (part.transpose(0, 1) for part in self.fourier.analyse(frames))  # [T, B, bins]
        low, high = see(re, im, self.history, self.high_history, self.fine, self.level_invariant)
        first = x = self._encode(low, high, conditioning)
        for i, block in enumerate(self.blocks):
            if i == self.leave and self.full_band:
                beside = self.full_band(x)
            if i == self.join and self.full_band:
                x = added(x, beside, self.full_band.widen)
            x = block(x)
        re, im = self._mask(re, im, (x, first), (low, high))
        frames = self.fourier.synthesise(re.transpose(0, 1), im.transpose(0, 1))
        return overlap_add(frames)[:, None]

    def _encode(self, low: Tensor, high: Tensor, film: Tensor) -> Tensor:
        low, high = self.norm_low(self.encode_low(low)), self.norm_high(self.encode_high(high))
        x = torch.cat([low, high], dim=-2) + self.position.to(low.dtype)
        scale, shift = film[:, None].chunk(2, dim=-1)
        return activate(x * (1 + scale) + shift)

    def _mask(
        self, re: Tensor, im: Tensor, xs: tuple[Tensor, ...], seen: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        low = joined_linear(self.decode_low, *(x[..., :LOW, :] for x in xs), seen[0])
        high = joined_linear(self.decode_high, *(x[..., LOW:, :] for x in xs), seen[1])
        low, high = activate(self.decode_low_norm(low)), activate(self.decode_high_norm(high))
        gains = [torch.sigmoid(self.gain_low(low)), torch.sigmoid(self.gain_high(high))]
        gain = torch.cat([x.flatten(-2) for x in gains], dim=-1)  # [T, B, 480]
        gain = torch.cat([gain, gain[..., -1:]], dim=-1)  # the Nyquist bin goes with its neighbour
        taps = self.filter(low).unflatten(-1, (2 * self.taps, LOW_STRIDE))
        taps = taps.transpose(-3, -2).flatten(-2).unbind(-2)  # real, imaginary, .. [T, B, 160]
        y, z = torch.zeros_like(re[..., :LOW_BINS]), torch.zeros_like(im[..., :LOW_BINS])
        for i in range(self.taps):
            real, imaginary = taps[2 * i : 2 * i + 2]
            a, b = (F.pad(v[: len(v) - i, :, :LOW_BINS], (0, 0, 0, 0, i, 0)) for v in (re, im))
            y, z = y + a * real - b * imaginary, z + a * imaginary + b * real
        re = torch.cat([y, re[..., LOW_BINS:]], dim=-1) * gain
        im = torch.cat([z, im[..., LOW_BINS:]], dim=-1) * gain
        return re, im
