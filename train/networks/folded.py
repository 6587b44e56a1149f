"""The `default` network as it is exported: t fixed at 0, few and large operators.

    rows [frames * batch * positions, channels], frames slowest: a shift in time is a slice

Both taps of a block are one matrix product; normalisation, the timestep's scale and shift and the
skip around the frequency mixing disappear into weights, and shapes are constants but for one
dynamic length, so that onnxruntime fuses each product with the activation after it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import NARROW, SLOPE
from .default import SpectralDenoiser
from .features import LOW, LOW_BINS, LOW_KERNEL, LOW_STRIDE, POSITIONS
from .folded_blocks import FoldedBlock, FoldedTimeBlock, Past, newest, normed
from .folded_features import FoldedFeatures
from .fourier import BINS, HOP, WINDOW
from .fourier_matrices import MatrixFourier
from .interface import DenoisingNetwork, zero_timestep
from .norm import Norm


class FoldedDenoiser(DenoisingNetwork):
    """The form in which `SpectralDenoiser` is exported; it does not read `conditioning`."""

    hop = HOP
    streams = rolls = True
    shift: Tensor
    low: Tensor
    high: Tensor
    decode: Tensor
    decode_bias: Tensor
    decode_seen: Tensor
    filter: Tensor
    filter_bias: Tensor
    widen: Tensor

    def __init__(self, network: SpectralDenoiser) -> None:
        super().__init__()
        self.context, self.lookahead = network.context, network.lookahead
        self.channels = network.channels
        self.leave, self.join, self.full_band = network.leave, network.join, network.full_band
        self.taps = network.taps
        self.see = FoldedFeatures(
            network.history,
            network.high_history,
            network.taps,
            network.fine,
            network.level_invariant,
        )
        # Samples that `latest` takes beyond the context, as blocks begin late: silence will do.
        self._spare = WINDOW + HOP * (self.see.frames_before + network.in_blocks - 1) - self.context
        self.time_blocks: Any = nn.ModuleList()
        if self.full_band:
            self.time_blocks.extend(FoldedTimeBlock(b) for b in self.full_band.blocks)
            self.register_buffer("widen", self.full_band.widen.detach())
            for name in ("narrow", "gather", "spread"):
                layer = getattr(self.full_band, name)
                self._fold(name, layer, getattr(self.full_band, f"{name}_norm"))
        self.fourier = MatrixFourier()
        self.blocks: Any = nn.ModuleList(FoldedBlock(block) for block in network.blocks)
        self.gain_high = network.gain_high
        self._fold("decode_high", network.decode_high, network.decode_high_norm)
        with torch.no_grad():
            self._fold_encoder(network)
            self._fold_decoder(network)

    def _fold(self, name: str, layer: nn.Linear, norm: Norm) -> None:
        weight, bias = normed(layer.weight.T, norm)
        self.register_buffer(name, weight)
        self.register_buffer(f"{name}_bias", bias)

    def _fold_encoder(self, network: SpectralDenoiser) -> None:
        """Fold the timestep's scale and shift, biases and positions into two matrices and a sum."""
        film = network.condition(zero_timestep(1))
        scale, shift = (1 + film[0, : self.channels]), film[0, self.channels :]
        low, low_bias = normed(network.encode_low.weight.T, network.norm_low)
        high, high_bias = normed(network.encode_high.weight.T, network.norm_high)
        biases = [low_bias.expand(LOW, -1), high_bias.expand(POSITIONS - LOW, -1)]
        self.register_buffer("shift", (torch.cat(biases) + network.position) * scale + shift)
        self.register_buffer("low", self._by_feature(low * scale))
        self.register_buffer("high", (high * scale).contiguous())

    def _by_feature(self, weight: Tensor) -> Tensor:
        """Reorder rows, (bin, feature) of what a low position sees, to (feature, bin)."""
        return weight.unflatten(0, (LOW_KERNEL, -1)).transpose(0, 1).flatten(0, 1)

    def _fold_decoder(self, network: SpectralDenoiser) -> None:
        """Lay out a filter's c as what (re, im) are multiplied by: (Re c, -Im c), (Im c, Re c).

        Below come the gains; the last column is the bias.
        """
        weight, bias = normed(network.decode_low.weight.T, network.decode_low_norm)
        values = 2 * self.channels
        self.register_buffer("decode", weight[:values].contiguous())
        self.register_buffer("decode_bias", bias)
        self.register_buffer("decode_seen", self._by_feature(weight[values:]))
        rows = torch.cat([network.filter.weight, network.filter.bias[:, None]], dim=1)
        rows = rows.unflatten(0, (self.taps, 2, LOW_STRIDE))
        real, imaginary = rows[:, 0], rows[:, 1]
        of_re, of_im = torch.stack([real, imaginary], 1), torch.stack([-imaginary, real], 1)
        rows = torch.stack([of_re, of_im], 1).flatten(0, 3)  # (tap, in, out, bin)
        gain = torch.cat([network.gain_low.weight, network.gain_low.bias[:, None]], dim=1)
        rows = torch.cat([rows, gain])
        self.register_buffer("filter", rows[:, :-1].contiguous())
        self.register_buffer("filter_bias", rows[:, -1:].contiguous())

    def condition(self, t: Tensor) -> Tensor:
        """Return a placeholder: t = 0 is folded into the weights."""
        return torch.zeros(len(t), 1)

    def initial_states(self, batch: int) -> list[Tensor]:
        """Zeros: the last input block, the last output tail, past frames of all that look back."""
        return [torch.zeros(shape) for shape in self._shapes(batch)]

    def denoise(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise audio [batch, 1, samples]; samples a multiple of 480."""
        blocks = F.pad(audio[:, 0], (HOP, HOP)).reshape(audio.shape[0], -1, HOP).transpose(0, 1)
        frames = torch.cat([blocks[:-1], blocks[1:]], dim=-1)
        return _overlapped(self._frames(frames, [None] * len(self._shapes(1)[2:]))[0])

    def stream(
        self, audio: Tensor, conditioning: Tensor, states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Denoise [batch, 1, n * 480] samples, delayed by 480; see `initial_states`."""
        before, tail, *past = states
        blocks = audio.reshape(audio.shape[0], -1, HOP).transpose(0, 1)
        blocks = torch.cat([before, blocks])
        frames = torch.cat([blocks[:-1], blocks[1:]], dim=-1)
        frames, following = self._frames(frames, past)
        tails = torch.cat([tail, frames[..., HOP:]])
        out = (frames[..., :HOP] + tails[:-1]).transpose(0, 1).flatten(1)[:, None]
        return out, [blocks[-1:], tails[-1:], *following]

    def latest(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise the end of audio [batch, 1, n * 480]: that whose whole context lies in it.

        Blocks look back on what they are given, not on states, so that each gives fewer frames than
        it takes, and what nobody will hear is not computed.
        """
        batch, before = audio.shape[0], self.see.frames_before
        audio = F.pad(audio, (self._spare, 0)) if self._spare else audio
        blocks = audio.reshape(batch, -1, HOP).transpose(0, 1)
        frames = torch.cat([blocks[:-1], blocks[1:]], dim=-1)
        spectra = self._analyse(frames[:before])
        shapes = self._shapes(batch)[2 : 2 + len(self.blocks) + len(self.time_blocks)]
        nothing = [audio.new_zeros((0, *shape[1:])) for shape in shapes]
        out, _ = self._frames(frames[before:], [*nothing, *self.see.listen(*spectra, batch)])
        return _overlapped(out)

    def _shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Shapes of the states: [frames, batch, ...] of all that look back, then what was heard."""
        shapes: list[tuple[int, ...]] = [(1, batch, HOP), (1, batch, HOP)]
        shapes += [(b.dilation, batch, *b.frame) for b in (*self.blocks, *self.time_blocks)]
        return shapes + self.see.shapes(batch)

    def _frames(self, frames: Tensor, past: Past) -> tuple[Tensor, Past]:
        """Denoise frames [time, batch, 960]; all in between are rows, frames slowest.

        `past` of None is silence, and none follows.
        """
        low, high = self._analyse(frames)
        count, last, batch = len(self.blocks), len(past) - len(self.see.shapes(1)), frames.shape[1]
        following, later, heard = past[:count], past[count:last], past[last:]
        recent = self.see.recent(low, heard, batch)
        seen = self.see(low, high, recent, heard, batch)
        x = first = self._encode(*seen).reshape(-1, self.channels)
        for i, block in enumerate(self.blocks):
            if i == self.leave and self.full_band:
                beside, later = self._full_band(x, later, batch)
            if i == self.join and self.full_band:
                x = torch.addmm(newest(x, beside), newest(beside, x), self.widen)
            x, following[i] = block(x, past[i], batch)
        x = torch.cat([x, newest(first, x)], dim=1).reshape(-1, POSITIONS, 2 * self.channels)
        spectrum = self._mask(newest(recent, x), newest(high, x), x, *(newest(v, x) for v in seen))
        out = self.fourier.synthesise(spectrum).reshape(-1, batch, 2 * HOP)
        return out, [*following, *later, *heard]

    def _analyse(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return spectra [n, 2, 160], bins of a position first, and [n, 2, 321]."""
        low, high = self.fourier.analyse(frames.reshape(-1, 2 * HOP)).split(
            [LOW_BINS, BINS - LOW_BINS], dim=-1
        )
        low = low.reshape(-1, 2, LOW, LOW_STRIDE).transpose(2, 3).reshape(-1, 2, LOW_BINS)
        return low, high

    def _full_band(self, x: Tensor, past: Past, batch: int) -> tuple[Tensor, Past]:
        """Map rows [n * positions, channels] to [.., 8], see `widen`; one row a frame inside."""
        z = self._dense("narrow", x).reshape(-1, POSITIONS * NARROW)
        z, following = self._remember(self._dense("gather", z), past, batch)
        return self._dense("spread", z).reshape(-1, NARROW), following

    def _dense(self, name: str, x: Tensor) -> Tensor:
        bias, weight = getattr(self, f"{name}_bias"), getattr(self, name)
        return F.leaky_relu(torch.addmm(bias, x, weight), SLOPE)

    def _remember(self, z: Tensor, past: Past, batch: int) -> tuple[Tensor, Past]:
        """Look back in time on rows [n, size]; returns them and the next past."""
        following = []
        for block, before in zip(self.time_blocks, past, strict=True):
            z, after = block(z, before, batch)
            following.append(after)
        return z, following

    def _encode(self, low: Tensor, high: Tensor) -> Tensor:
        """Map what is known of the bins to [n, positions, channels]."""
        x = torch.cat([low @ self.low, high @ self.high], dim=1)
        return F.leaky_relu(x + self.shift, SLOPE)

    def _mask(self, recent: Tensor, above: Tensor, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Filter low bins of recent frames and high ones of this, as told by x and what was seen.

        `recent` [n, 2 taps, 160], `above` [n, 2, 321], x [n, positions, 2 channels]; returns
        spectra [n, 2, 481].
        """
        rows = torch.cat([x[:, LOW:], high], dim=-1).flatten(0, 1)
        gain = torch.sigmoid(self.gain_high(self._dense("decode_high", rows)))
        gain = gain.reshape(-1, 1, BINS - 1 - LOW_BINS)
        gain = torch.cat([gain, gain[..., -1:]], dim=-1)  # the Nyquist bin goes with its neighbour
        rows = torch.addmm(self.decode_bias, x[:, :LOW].flatten(0, 1), self.decode)
        rows = rows.reshape(-1, LOW, len(self.decode_bias)) + low @ self.decode_seen
        rows = F.leaky_relu(rows, SLOPE).transpose(1, 2)
        c, of_low = (self.filter @ rows + self.filter_bias).split(
            [4 * self.taps * LOW_STRIDE, LOW_STRIDE], dim=1
        )
        c = c.reshape(-1, 2 * self.taps, 2, LOW_BINS)  # (tap, in), out
        below = (recent[:, :, None] * c).sum(1)
        below = below * torch.sigmoid(of_low.reshape(-1, 1, LOW_BINS))
        below = below.reshape(-1, 2, LOW_STRIDE, LOW).transpose(2, 3).reshape(-1, 2, LOW_BINS)
        return torch.cat([below, above * gain], dim=-1)


def _overlapped(frames: Tensor) -> Tensor:
    """Add the halves of frames [n + 1, batch, 960] that meet: audio [batch, 1, n * 480]."""
    return (frames[1:, :, :HOP] + frames[:-1, :, HOP:]).transpose(0, 1).flatten(1)[:, None]
