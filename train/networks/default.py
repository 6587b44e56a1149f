"""The `default` network: Conv1D encoder-decoder over the compressed spectrum, 20 ms latency.

    audio -> frames -> compressed spectrum; below 8 kHz also each bin's statistics over the last
             0.5 s, and its power at 25 Hz resolution from four frames
          -> Conv1d over frequency (stride 5 below 8 kHz, 40 above)
          -> blocks: [dilated causal Conv1d over time, mixing over all frequencies] + skip
             in parallel with some of them: all frequencies as one vector, dilated Conv1d over time
          -> ConvTranspose1d over frequency, which also reads the encoder's input features
          -> below 8 kHz a complex filter over the last frames, above 8 kHz a gain -> audio

The blocks share their weights over frequency; the full-band path has weights for each frequency, at
little cost. All products are plain matrix products.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtdenoise.constants import SEGMENT
from rtdenoise.errors import RtdenoiseError

from .blocks import Block, FullBand, activate, add_product, concatenated_linear, modulate
from .embedding import sinusoidal_embedding
from .features import (
    FINE_FRAMES,
    HIGH_GROUP,
    HIGH_STRIDE,
    LOW_BINS,
    LOW_KERNEL,
    LOW_POSITIONS,
    LOW_STRIDE,
    POSITIONS,
    SMOOTHING_FRAMES,
    extract_features,
)
from .fourier import HOP, WINDOW, Fourier, frame, overlap_add
from .interface import DenoisingNetwork
from .norm import Norm


class SpectralDenoiser(DenoisingNetwork):
    """The bundled network. Its options, with lengths in frames of 10 ms:

    channels            activations per position
    dilations           one block each; they set the depth and the memory of the blocks
    embedding           size of the timestep embedding
    full_band           size of the full-band path's vector; 0 leaves the path out
    full_band_dilations one block over time each
    leave, join         the path reads the input of block `leave` and adds to that of block `join`
    history             frames over which each low bin has a mean and a minimum magnitude as
                        features (the minimum estimates the noise); 0 for none
    high_history        the same for groups of bins above 8 kHz
    taps                length of each low bin's complex filter over frames, as in Schroeter et
                        al., DeepFilterNet, arXiv:2110.05588; it separates harmonics that lie
                        closer together than a 20 ms window resolves
    fine                adds features at 25 Hz resolution, which show where those harmonics lie
    detail              size of the decoder's hidden layer; it also reads the input features,
                        because a few channels cannot hold the level of each bin
    level_invariant     divides the features by a running level of the last half second, which
                        needs a `history`: a recording that is 40 dB quieter then gives the same
                        output, 40 dB quieter
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
        if fine and taps < FINE_FRAMES:
            raise RtdenoiseError(
                f"network option fine needs taps of at least {FINE_FRAMES}: not {taps}"
            )
        self.leave, self.join, self.history, self.taps = leave, join, history, taps
        self.fine, self.detail = fine, detail
        self.high_history = bool(high_history and history)
        self.level_invariant = bool(level_invariant and history)
        self.channels, self.dilations, self.embedding = channels, tuple(dilations), embedding
        through_full_band = sum(dilations[:leave]) + sum(dilations[join:])
        through_full_band += sum(full_band_dilations) if full_band else 0
        self.block_memory = max(sum(dilations), through_full_band)  # past frames of all blocks
        feature_memory = history + SMOOTHING_FRAMES - 2 if history else (FINE_FRAMES - 1) * fine
        frames = max(feature_memory + self.block_memory, taps - 1)
        self.context = WINDOW - HOP + frames * HOP
        self.lookahead = WINDOW - HOP
        self._require_one_second()
        self.fourier = Fourier()
        low_features = LOW_KERNEL * self.features_per_bin
        high_features = self.features_per_high_position
        self.encode_low = nn.Linear(low_features, channels, bias=False)
        self.encode_high = nn.Linear(high_features, channels, bias=False)
        self.norm_low, self.norm_high = Norm(channels), Norm(channels)
        self.position = nn.Parameter(torch.zeros(POSITIONS, channels))
        film = nn.Linear(embedding, 2 * channels)
        nn.init.zeros_(film.weight)  # FiLM starts as the identity
        nn.init.zeros_(film.bias)
        self.timestep = nn.Sequential(nn.Linear(embedding, embedding), nn.SiLU(), film)
        self.blocks: Any = nn.ModuleList(Block(channels, d) for d in dilations)
        self.full_band = FullBand(channels, full_band, full_band_dilations) if full_band else None
        self.decode_low = nn.Linear(2 * channels + low_features, detail, bias=False)
        self.decode_high = nn.Linear(2 * channels + high_features, detail, bias=False)
        self.decode_low_norm, self.decode_high_norm = Norm(detail), Norm(detail)
        self.filter = nn.Linear(detail, taps * 2 * LOW_STRIDE)
        self.gain_low = nn.Linear(detail, LOW_STRIDE)
        self.gain_high = nn.Linear(detail, HIGH_STRIDE)
        with torch.no_grad():  # the filter starts close to passing the current frame
            self.filter.weight *= 0.1
            self.filter.bias.zero_()
            self.filter.bias[:LOW_STRIDE] = 1

    def _require_one_second(self) -> None:
        """Raise RtdenoiseError if a hop needs more than a one-second segment holds."""
        excess = self.context + HOP + self.lookahead - SEGMENT
        if excess > 0:
            raise RtdenoiseError(
                f"network options: a hop needs {excess // HOP} frames more than one second holds: "
                "reduce dilations, full_band_dilations or history"
            )

    @property
    def features_per_bin(self) -> int:
        """Features of a low bin: magnitude, re, im (mean, minimum) (two at fine resolution)."""
        return 3 + 2 * (self.history > 0) + 2 * self.fine

    @property
    def features_per_high_position(self) -> int:
        """Features of a high position: magnitudes (means and minima of groups of bins)."""
        return HIGH_STRIDE + 2 * (HIGH_STRIDE // HIGH_GROUP) * self.high_history

    def condition(self, t: Tensor) -> Tensor:
        """Map timesteps [batch] to FiLM scale and shift [batch, 2 * channels]."""
        return self.timestep(sinusoidal_embedding(t, self.embedding))

    def denoise(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise audio [batch, 1, samples]; samples a multiple of 480."""
        frames = frame(F.pad(audio[:, 0], (HOP, HOP)))
        re, im = (part.transpose(0, 1) for part in self.fourier.analyse(frames))  # [T, B, bins]
        features = extract_features(
            re, im, self.history, self.high_history, self.fine, self.level_invariant
        )
        encoded = x = self._encode(*features, conditioning)
        for i, block in enumerate(self.blocks):
            if i == self.leave and self.full_band:
                full_band = self.full_band(x)
            if i == self.join and self.full_band:
                x = add_product(x, full_band, self.full_band.widen)
            x = block(x)
        re, im = self._apply_mask(re, im, (x, encoded), features)
        frames = self.fourier.synthesise(re.transpose(0, 1), im.transpose(0, 1))
        return overlap_add(frames)[:, None]

    def _encode(self, low: Tensor, high: Tensor, film: Tensor) -> Tensor:
        """Map features and FiLM [batch, 2 * channels] to activations [T, B, 40, channels]."""
        low, high = self.norm_low(self.encode_low(low)), self.norm_high(self.encode_high(high))
        scale, shift = film[:, None].chunk(2, dim=-1)
        scale = 1 + scale
        x = modulate(torch.cat([low, high], dim=-2), scale, shift + self.position * scale)
        return activate(x)

    def _apply_mask(
        self, re: Tensor, im: Tensor, xs: tuple[Tensor, ...], features: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Decode activations `xs` and features to filters and gains; apply them to [T, B, 481]."""
        low = concatenated_linear(
            self.decode_low, *(x[..., :LOW_POSITIONS, :] for x in xs), features[0]
        )
        high = concatenated_linear(
            self.decode_high, *(x[..., LOW_POSITIONS:, :] for x in xs), features[1]
        )
        low, high = activate(self.decode_low_norm(low)), activate(self.decode_high_norm(high))
        gains = [torch.sigmoid(self.gain_low(low)), torch.sigmoid(self.gain_high(high))]
        gain = torch.cat([x.flatten(-2) for x in gains], dim=-1)  # [T, B, 480]
        gain = torch.cat([gain, gain[..., -1:]], dim=-1)  # the Nyquist bin uses its neighbour's
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
