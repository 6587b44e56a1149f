"""The exported form of the `default` network: t is fixed at 0, operators are few and large.

    rows [frames * batch * positions, channels], frames slowest: a shift in time is a slice

Both taps of a block are one matrix product. Normalisation, the timestep's scale and shift, and the
skip around the frequency mixing are folded into weights. Shapes are constants except for one
dynamic length, so that onnxruntime fuses each product with the activation after it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import FULL_BAND_CHANNELS, NEGATIVE_SLOPE
from .default import SpectralDenoiser
from .features import LOW_BINS, LOW_KERNEL, LOW_POSITIONS, LOW_STRIDE, POSITIONS
from .folded_blocks import FoldedBlock, FoldedTemporalBlock, States, fold_norm, last_rows
from .folded_features import FoldedFeatures
from .fourier import BINS, HOP, WINDOW
from .fourier_matrices import MatrixFourier
from .interface import DenoisingNetwork, zero_timestep
from .norm import Norm


class FoldedDenoiser(DenoisingNetwork):
    """The exported form of `SpectralDenoiser`; it ignores `conditioning`."""

    hop = HOP
    streams = rolls = True
    shift: Tensor
    low: Tensor
    high: Tensor
    decode: Tensor
    decode_bias: Tensor
    decode_features: Tensor
    filter: Tensor
    filter_bias: Tensor
    widen: Tensor

    def __init__(self, network: SpectralDenoiser) -> None:
        super().__init__()
        self.context, self.lookahead = network.context, network.lookahead
        self.channels = network.channels
        self.leave, self.join, self.full_band = network.leave, network.join, network.full_band
        self.taps = network.taps
        self.features = FoldedFeatures(
            network.history,
            network.high_history,
            network.taps,
            network.fine,
            network.level_invariant,
        )
        # Samples of silence that `latest` puts before the context: the blocks start that early.
        warmup = self.features.warmup_frames + network.block_memory - 1
        self._silence = WINDOW + HOP * warmup - self.context
        self.temporal_blocks: Any = nn.ModuleList()
        if self.full_band:
            self.temporal_blocks.extend(FoldedTemporalBlock(b) for b in self.full_band.blocks)
            self.register_buffer("widen", self.full_band.widen.detach())
            for name in ("narrow", "gather", "spread"):
                layer = getattr(self.full_band, name)
                self._fold_layer(name, layer, getattr(self.full_band, f"{name}_norm"))
        self.fourier = MatrixFourier()
        self.blocks: Any = nn.ModuleList(FoldedBlock(block) for block in network.blocks)
        self.gain_high = network.gain_high
        self._fold_layer("decode_high", network.decode_high, network.decode_high_norm)
        with torch.no_grad():
            self._fold_encoder(network)
            self._fold_decoder(network)

    def _fold_layer(self, name: str, layer: nn.Linear, norm: Norm) -> None:
        weight, bias = fold_norm(layer.weight.T, norm)
        self.register_buffer(name, weight)
        self.register_buffer(f"{name}_bias", bias)

    def _fold_encoder(self, network: SpectralDenoiser) -> None:
        """Fold the timestep's scale and shift, biases and positions into two matrices and a sum."""
        film = network.condition(zero_timestep(1))
        scale, shift = (1 + film[0, : self.channels]), film[0, self.channels :]
        low, low_bias = fold_norm(network.encode_low.weight.T, network.norm_low)
        high, high_bias = fold_norm(network.encode_high.weight.T, network.norm_high)
        biases = [
            low_bias.expand(LOW_POSITIONS, -1),
            high_bias.expand(POSITIONS - LOW_POSITIONS, -1),
        ]
        self.register_buffer("shift", (torch.cat(biases) + network.position) * scale + shift)
        self.register_buffer("low", self._feature_major(low * scale))
        self.register_buffer("high", (high * scale).contiguous())

    def _feature_major(self, weight: Tensor) -> Tensor:
        """Reorder rows that read low features from (bin, feature) to (feature, bin)."""
        return weight.unflatten(0, (LOW_KERNEL, -1)).transpose(0, 1).flatten(0, 1)

    def _fold_decoder(self, network: SpectralDenoiser) -> None:
        """Write each complex filter coefficient c as the four real factors of (re, im).

        They are (Re c, -Im c) for the real and (Im c, Re c) for the imaginary part of the output.
        The gains follow below them; the last column is the bias.
        """
        weight, bias = fold_norm(network.decode_low.weight.T, network.decode_low_norm)
        size = 2 * self.channels
        self.register_buffer("decode", weight[:size].contiguous())
        self.register_buffer("decode_bias", bias)
        self.register_buffer("decode_features", self._feature_major(weight[size:]))
        rows = torch.cat([network.filter.weight, network.filter.bias[:, None]], dim=1)
        rows = rows.unflatten(0, (self.taps, 2, LOW_STRIDE))
        real, imaginary = rows[:, 0], rows[:, 1]
        from_re, from_im = torch.stack([real, imaginary], 1), torch.stack([-imaginary, real], 1)
        rows = torch.stack([from_re, from_im], 1).flatten(0, 3)  # (tap, in, out, bin)
        gain = torch.cat([network.gain_low.weight, network.gain_low.bias[:, None]], dim=1)
        rows = torch.cat([rows, gain])
        self.register_buffer("filter", rows[:, :-1].contiguous())
        self.register_buffer("filter_bias", rows[:, -1:].contiguous())

    def condition(self, t: Tensor) -> Tensor:
        """Return a placeholder: t = 0 is folded into the weights."""
        return torch.zeros(len(t), 1)

    def initial_states(self, batch: int) -> list[Tensor]:
        """Return zeros: the last input block, the last output tail, and the layers' past frames."""
        return [torch.zeros(shape) for shape in self._state_shapes(batch)]

    def denoise(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise audio [batch, 1, samples]; samples a multiple of 480."""
        blocks = F.pad(audio[:, 0], (HOP, HOP)).reshape(audio.shape[0], -1, HOP).transpose(0, 1)
        frames = torch.cat([blocks[:-1], blocks[1:]], dim=-1)
        silence: States = [None] * len(self._state_shapes(1)[2:])
        return _overlap_add(self._denoise_frames(frames, silence)[0])

    def stream(
        self, audio: Tensor, conditioning: Tensor, states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Denoise [batch, 1, n * 480] samples, delayed by 480; see `initial_states`."""
        last_block, tail, *layer_states = states
        blocks = audio.reshape(audio.shape[0], -1, HOP).transpose(0, 1)
        blocks = torch.cat([last_block, blocks])
        frames = torch.cat([blocks[:-1], blocks[1:]], dim=-1)
        frames, next_states = self._denoise_frames(frames, layer_states)
        tails = torch.cat([tail, frames[..., HOP:]])
        out = (frames[..., :HOP] + tails[:-1]).transpose(0, 1).flatten(1)[:, None]
        return out, [blocks[-1:], tails[-1:], *next_states]

    def latest(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise the end of audio [batch, 1, n * 480]: the samples whose whole context it holds.

        The blocks take their past from the input instead of a state. Each returns fewer frames
        than it gets, and frames that do not reach the output are not computed.
        """
        batch, warmup = audio.shape[0], self.features.warmup_frames
        audio = F.pad(audio, (self._silence, 0)) if self._silence else audio
        blocks = audio.reshape(batch, -1, HOP).transpose(0, 1)
        frames = torch.cat([blocks[:-1], blocks[1:]], dim=-1)
        spectra = self._analyse(frames[:warmup])
        shapes = self._state_shapes(batch)[2 : 2 + len(self.blocks) + len(self.temporal_blocks)]
        no_frames = [audio.new_zeros((0, *shape[1:])) for shape in shapes]
        states = [*no_frames, *self.features.warm_up(*spectra, batch)]
        return _overlap_add(self._denoise_frames(frames[warmup:], states)[0])

    def _state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Return the shapes of the states: input and output, blocks [frames, batch, ...], features.

        `_denoise_frames` takes and returns all but the first two, in this order.
        """
        shapes: list[tuple[int, ...]] = [(1, batch, HOP), (1, batch, HOP)]
        blocks = (*self.blocks, *self.temporal_blocks)
        shapes += [(block.dilation, batch, *block.frame_shape) for block in blocks]
        return shapes + self.features.state_shapes(batch)

    def _denoise_frames(self, frames: Tensor, states: States) -> tuple[Tensor, States]:
        """Denoise frames [time, batch, 960] and return them with the next states.

        Between input and output everything is rows, frames slowest. States of None stand for
        silence and stay None.
        """
        low, high = self._analyse(frames)
        batch, count = frames.shape[1], len(self.blocks)
        last = len(states) - len(self.features.state_shapes(1))
        next_states, next_temporal = states[:count], states[count:last]
        feature_states = states[last:]
        recent = self.features.recent_frames(low, feature_states, batch)
        features = self.features(low, high, recent, feature_states, batch)
        x = encoded = self._encode(*features).reshape(-1, self.channels)
        for i, block in enumerate(self.blocks):
            if i == self.leave and self.full_band:
                full_band, next_temporal = self._full_band(x, next_temporal, batch)
            if i == self.join and self.full_band:
                x = torch.addmm(last_rows(x, full_band), last_rows(full_band, x), self.widen)
            x, next_states[i] = block(x, states[i], batch)
        x = torch.cat([x, last_rows(encoded, x)], dim=1).reshape(-1, POSITIONS, 2 * self.channels)
        spectrum = self._apply_mask(
            last_rows(recent, x), last_rows(high, x), x, *(last_rows(v, x) for v in features)
        )
        out = self.fourier.synthesise(spectrum).reshape(-1, batch, 2 * HOP)
        return out, [*next_states, *next_temporal, *feature_states]

    def _analyse(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return low spectra [n, 2, 160], ordered [5, 32] as features are, and high [n, 2, 321]."""
        low, high = self.fourier.analyse(frames.reshape(-1, 2 * HOP)).split(
            [LOW_BINS, BINS - LOW_BINS], dim=-1
        )
        low = low.reshape(-1, 2, LOW_POSITIONS, LOW_STRIDE).transpose(2, 3)
        return low.reshape(-1, 2, LOW_BINS), high

    def _full_band(self, x: Tensor, states: States, batch: int) -> tuple[Tensor, States]:
        """Map rows [n * positions, channels] to [n * positions, 8], which `widen` reads.

        In between each frame is one row. Also returns the next states.
        """
        z = self._dense_layer("narrow", x).reshape(-1, POSITIONS * FULL_BAND_CHANNELS)
        z, next_states = self._temporal_core(self._dense_layer("gather", z), states, batch)
        return self._dense_layer("spread", z).reshape(-1, FULL_BAND_CHANNELS), next_states

    def _dense_layer(self, name: str, x: Tensor) -> Tensor:
        bias, weight = getattr(self, f"{name}_bias"), getattr(self, name)
        return F.leaky_relu(torch.addmm(bias, x, weight), NEGATIVE_SLOPE)

    def _temporal_core(self, z: Tensor, states: States, batch: int) -> tuple[Tensor, States]:
        """Run the blocks over time on rows [n, size]; return the rows and the next states."""
        next_states = []
        for block, state in zip(self.temporal_blocks, states, strict=True):
            z, next_state = block(z, state, batch)
            next_states.append(next_state)
        return z, next_states

    def _encode(self, low: Tensor, high: Tensor) -> Tensor:
        """Map the features of low and high positions to [n, positions, channels]."""
        x = torch.cat([low @ self.low, high @ self.high], dim=1)
        return F.leaky_relu(x + self.shift, NEGATIVE_SLOPE)

    def _apply_mask(
        self, recent: Tensor, high: Tensor, x: Tensor, low_features: Tensor, high_features: Tensor
    ) -> Tensor:
        """Filter the low bins over the recent frames, and apply gains to the high bins.

        `recent` [n, 2 taps, 160], `high` [n, 2, 321], x [n, positions, 2 channels]; returns
        spectra [n, 2, 481].
        """
        rows = torch.cat([x[:, LOW_POSITIONS:], high_features], dim=-1).flatten(0, 1)
        gain = torch.sigmoid(self.gain_high(self._dense_layer("decode_high", rows)))
        gain = gain.reshape(-1, 1, BINS - 1 - LOW_BINS)
        gain = torch.cat([gain, gain[..., -1:]], dim=-1)  # the Nyquist bin uses its neighbour's
        rows = torch.addmm(self.decode_bias, x[:, :LOW_POSITIONS].flatten(0, 1), self.decode)
        rows = rows.reshape(-1, LOW_POSITIONS, len(self.decode_bias))
        rows = rows + low_features @ self.decode_features
        rows = F.leaky_relu(rows, NEGATIVE_SLOPE).transpose(1, 2)
        coefficients, low_gain = (self.filter @ rows + self.filter_bias).split(
            [4 * self.taps * LOW_STRIDE, LOW_STRIDE], dim=1
        )
        coefficients = coefficients.reshape(-1, 2 * self.taps, 2, LOW_BINS)  # (tap, in), out
        low = (recent[:, :, None] * coefficients).sum(1)
        low = low * torch.sigmoid(low_gain.reshape(-1, 1, LOW_BINS))
        low = low.reshape(-1, 2, LOW_STRIDE, LOW_POSITIONS).transpose(2, 3).reshape(-1, 2, LOW_BINS)
        return torch.cat([low, high * gain], dim=-1)


def _overlap_add(frames: Tensor) -> Tensor:
    """Overlap-add frames [n + 1, batch, 960] to audio [batch, 1, n * 480]."""
    return (frames[1:, :, :HOP] + frames[:-1, :, HOP:]).transpose(0, 1).flatten(1)[:, None]
