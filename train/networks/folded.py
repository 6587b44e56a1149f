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

from ..network_api import DenoisingNetwork, zero_timestep
from .blocks import NARROW, SLOPE
from .default import SpectralDenoiser
from .features import (
    COMPRESSION,
    FINE,
    HIGH_STRIDE,
    LOW,
    LOW_BINS,
    LOW_KERNEL,
    LOW_STRIDE,
    POSITIONS,
    QUIETEST,
    SMOOTH,
    half_turns,
    mean_and_least,
)
from .folded_blocks import FoldedBlock, FoldedTimeBlock, append, normed
from .fourier import BINS, HOP
from .fourier_matrices import MatrixFourier
from .norm import Norm


class FoldedDenoiser(DenoisingNetwork):
    """What `SpectralDenoiser.for_export` returns; `conditioning` is folded in and not read."""

    hop = HOP
    streams = True
    shift: Tensor
    low: Tensor
    high: Tensor
    decode: Tensor
    decode_bias: Tensor
    filter: Tensor
    fine_signs: Tensor
    fine_rows: Tensor
    widen: Tensor

    def __init__(self, network: SpectralDenoiser) -> None:
        super().__init__()
        self.context, self.lookahead = network.context, network.lookahead
        self.channels, self.dilations = network.channels, network.dilations
        self.leave, self.join, self.full_band = network.leave, network.join, network.full_band
        self.history, self.taps, self.features = network.history, network.taps, network.features
        self.fine = network.fine
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
            self._fold_fine()

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
        self.register_buffer("low", F.pad(low * scale, self._tenth_bin))
        self.register_buffer("high", (high * scale).contiguous())

    @property
    def _tenth_bin(self) -> tuple[int, ...]:
        """Positions see nine bins of the ten they are handed: padding by rows of zeros."""
        return 0, 0, 0, self.features * (2 * LOW_STRIDE - LOW_KERNEL)

    def _fold_decoder(self, network: SpectralDenoiser) -> None:
        """Lay out a filter's c as what (re, im) are multiplied by: (Re c, -Im c), (Im c, Re c).

        Below come the gains; a hidden value that is always one carries both biases.
        """
        weight, bias = normed(network.decode_low.weight.T, network.decode_low_norm)
        one = (0, 1)
        self.register_buffer("decode", F.pad(F.pad(weight, self._tenth_bin), one))
        self.register_buffer("decode_bias", F.pad(bias, one, value=1.0))
        rows = torch.cat([network.filter.weight, network.filter.bias[:, None]], dim=1)
        rows = rows.unflatten(0, (self.taps, 2, LOW_STRIDE))
        real, imaginary = rows[:, 0], rows[:, 1]
        of_re, of_im = torch.stack([real, imaginary], 1), torch.stack([-imaginary, real], 1)
        rows = torch.stack([of_re, of_im], 1).flatten(0, 3)  # (tap, in, out, bin)
        gain = torch.cat([network.gain_low.weight, network.gain_low.bias[:, None]], dim=1)
        self.register_buffer("filter", torch.cat([rows, gain]))

    def _fold_fine(self) -> None:
        """`features.fine_power` as signs [8, bins] and a matrix: (re, im) of frames to two sums.

        Rows re at k, re above, im at k, im above; columns (re, im) of each frame, newest first.
        """
        signs = torch.stack([torch.ones(LOW_BINS), half_turns(LOW_BINS)]).repeat(FINE // 2, 1)
        signs = signs.unflatten(1, (LOW, LOW_STRIDE)).transpose(1, 2).flatten(1)
        turn = 1j ** torch.arange(FINE)  # a quarter a frame
        sums = torch.stack([torch.ones(FINE), turn]).conj() / FINE  # [2, frames]
        rows = torch.stack([torch.view_as_real(sums), torch.view_as_real(1j * sums)])
        self.register_buffer("fine_signs", signs.repeat_interleave(2, 0))
        self.register_buffer("fine_rows", rows.reshape(2 * 2, 2 * FINE).contiguous())

    def condition(self, t: Tensor) -> Tensor:
        """Return a placeholder: t = 0 is folded into the weights."""
        return torch.zeros(len(t), 1)

    def initial_states(self, batch: int) -> list[Tensor]:
        """Zeros: the last input block, the last output tail, past frames of all that look back."""
        return [torch.zeros(shape) for shape in self._shapes(batch)]

    def denoise(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise audio [batch, 1, samples]; samples a multiple of 480."""
        states = [audio.new_zeros(shape) for shape in self._shapes(audio.shape[0])]
        return self.stream(F.pad(audio, (0, HOP)), conditioning, states)[0][..., HOP:]

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

    def _shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Shapes of the states: [frames, batch, ...] of all that look back.

        The last two, of levels, are [batch, bins, frames], as pooling over time wants it.
        """
        shapes: list[tuple[int, ...]] = [(1, batch, HOP), (1, batch, HOP)]
        shapes += [(d, batch, POSITIONS, self.channels) for d in self.dilations]
        shapes += [(b.dilation, batch, b.bias.shape[0]) for b in self.time_blocks]
        if self.taps > 1:
            shapes.append((self.taps - 1, batch, 2 * LOW_BINS))
        if self.history:
            shapes += [(batch, LOW_BINS, n - 1) for n in (SMOOTH, self.history)]
        return shapes

    def _frames(self, frames: Tensor, past: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Denoise frames [time, batch, 960]; all in between are rows, frames slowest."""
        low, high = self.fourier.analyse(frames.reshape(-1, 2 * HOP)).split(
            [LOW_BINS, BINS - LOW_BINS], dim=-1
        )
        low = low.reshape(-1, 2, LOW, LOW_STRIDE).transpose(2, 3).reshape(-1, 2, LOW_BINS)
        count, last = len(self.blocks), len(past) - (self.taps > 1) - 2 * (self.history > 0)
        following, later, heard = past[:count], past[count:last], past[last:]
        recent = self._recent(low, heard)
        seen = self._see(low, high, recent, heard)
        x = first = self._encode(*seen).reshape(-1, self.channels)
        for i, block in enumerate(self.blocks):
            if i == self.leave and self.full_band:
                beside, later = self._full_band(x, later)
            if i == self.join and self.full_band:
                x = torch.addmm(x, beside, self.widen)
            x, following[i] = block(x, past[i])
        x = torch.cat([x, first], dim=1).reshape(-1, POSITIONS, 2 * self.channels)
        spectrum = self._mask(recent, high, x, *seen)
        out = self.fourier.synthesise(spectrum).reshape(-1, frames.shape[1], 2 * HOP)
        return out, [*following, *later, *heard]

    def _full_band(self, x: Tensor, past: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Map rows [n * positions, channels] to [.., 8], see `widen`; one row a frame inside."""
        z = self._dense("narrow", x).reshape(-1, POSITIONS * NARROW)
        z, following = self._remember(self._dense("gather", z), past)
        return self._dense("spread", z).reshape(-1, NARROW), following

    def _dense(self, name: str, x: Tensor) -> Tensor:
        bias, weight = getattr(self, f"{name}_bias"), getattr(self, name)
        return F.leaky_relu(torch.addmm(bias, x, weight), SLOPE)

    def _remember(self, z: Tensor, past: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Look back in time on rows [n, size]; returns them and the next past."""
        following = []
        for block, before in zip(self.time_blocks, past, strict=True):
            z, after = block(z, before)
            following.append(after)
        return z, following

    def _recent(self, low: Tensor, heard: list[Tensor]) -> Tensor:
        """Return the low bins of the last `taps` frames, newest first, [n, 2 taps, 160]."""
        low = low.reshape(-1, 2 * LOW_BINS)
        if self.taps > 1:
            joined = append(heard[0], low)
            heard[0] = joined[1 - self.taps :]
            newest = [joined[self.taps - 1 - i : -i or None] for i in range(self.taps)]
            low = torch.cat(newest, dim=-1)
        return low.reshape(-1, 2 * self.taps, LOW_BINS)

    def _see(
        self, low: Tensor, high: Tensor, recent: Tensor, heard: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Map rows [n, 2, 160], [n, 2, 321] to what is known of the bins, [n, positions, values].

        Brings the magnitudes heard forward. Low bins lie as [5, 32]: bins of a position, positions.
        """
        spectrum, sizes = torch.cat([low, high], dim=-1), [LOW_BINS, BINS - 1 - LOW_BINS, 1]
        power = (spectrum * spectrum).sum(1, keepdim=True)
        if self.fine:
            frames = recent if self.taps == FINE else recent[:, : 2 * FINE]
            heard_as_one = self.fine_rows @ (frames * self.fine_signs)
            power_of_parts = (heard_as_one * heard_as_one).reshape(-1, 2, 2 * LOW_BINS)
            power = torch.cat([power, power_of_parts.sum(1, keepdim=True)], dim=-1)
            sizes.append(2 * LOW_BINS)
        # One logarithm and exponentials: powers are slow.
        logarithm = torch.log(power + QUIETEST)
        magnitude, above, _, *fine = torch.exp(logarithm * (COMPRESSION / 2)).split(sizes, dim=-1)
        gain = torch.exp(logarithm[..., :LOW_BINS] * ((COMPRESSION - 1) / 2))
        parts = [magnitude, low * gain]
        if self.history:
            parts.append(self._look_back(magnitude, heard))
        parts += [x.reshape(-1, 2, LOW_BINS) for x in fine]
        bins = torch.cat(parts, dim=1).reshape(-1, self.features, LOW_STRIDE, LOW)
        bins = bins.permute(0, 3, 2, 1).reshape(-1, LOW_BINS, self.features)
        bins = F.pad(bins, (0, 0, 2, 2 * LOW_STRIDE - 7))
        groups = bins.reshape(-1, LOW + 1, self.features * LOW_STRIDE)
        above = above.reshape(-1, POSITIONS - LOW, HIGH_STRIDE)
        return torch.cat([groups[:, :-1], groups[:, 1:]], dim=-1), above

    def _look_back(self, magnitude: Tensor, heard: list[Tensor]) -> Tensor:
        """Return `features.look_back` of rows [n, 1, 160] as [n, 2, 160]; no frame twice."""
        levels = magnitude.reshape(-1, heard[-1].shape[0], LOW_BINS).permute(1, 2, 0)
        levels = torch.cat([heard[-2], levels], dim=-1)
        smooth = torch.cat([heard[-1], F.avg_pool1d(levels, SMOOTH, 1)], dim=-1)
        heard[-2:] = levels[..., 1 - SMOOTH :], smooth[..., 1 - self.history :]
        both = torch.cat(mean_and_least(smooth, self.history), dim=1)
        return both.permute(2, 0, 1).reshape(-1, 2, LOW_BINS)

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
        rows = torch.cat([x[:, :LOW], low], dim=-1).flatten(0, 1)
        rows = self._dense("decode", rows).reshape(-1, LOW, self.filter.shape[1])
        c, of_low = (self.filter @ rows.transpose(1, 2)).split(
            [4 * self.taps * LOW_STRIDE, LOW_STRIDE], dim=1
        )
        c = c.reshape(-1, 2 * self.taps, 2, LOW_BINS)  # (tap, in), out
        below = (recent[:, :, None] * c).sum(1)
        below = below * torch.sigmoid(of_low.reshape(-1, 1, LOW_BINS))
        below = below.reshape(-1, 2, LOW_STRIDE, LOW).transpose(2, 3).reshape(-1, 2, LOW_BINS)
        return torch.cat([below, above * gain], dim=-1)
