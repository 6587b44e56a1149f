"""The `default` network as it is exported: t fixed at 0, few and large operators.

    rows [frames * batch * positions, channels], frames slowest: a shift in time is a slice

Both taps of a block are one matrix product, the timestep's scale and shift and the skip around
the frequency mixing disappear into weights, and shapes are constants but for one dynamic length,
so that onnxruntime fuses each product with the activation after it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..network_api import DenoisingNetwork, zero_timestep
from . import default
from .default import (
    COMPRESSION,
    FINE,
    HIGH_STRIDE,
    LOW,
    LOW_BINS,
    LOW_KERNEL,
    LOW_STRIDE,
    POSITIONS,
    QUIETEST,
    SLOPE,
    SMOOTH,
    half_turns,
    look_back,
)
from .fourier import BINS, HOP, frame, overlap_add
from .fourier_matrices import MatrixFourier


class FoldedBlock(nn.Module):
    """A block on rows [n, channels]; frames `past` [d, batch, positions, channels] come before."""

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
        """Map rows and `past` to new rows and the next past."""
        channels = x.shape[1]
        before, following = _shift(x, past)
        u = F.leaky_relu(torch.addmm(self.bias, torch.cat([x, before], dim=1), self.taps), SLOPE)
        v = F.leaky_relu(self.mix @ u.reshape(-1, POSITIONS, channels), SLOPE)
        y = torch.addmm(self.out_bias, v.reshape(-1, channels), self.out)
        return x + y, following


def _shift(x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
    """Return what rows x [n, size] were past.shape[0] frames ago, and the next past.

    The past is joined and cut as it lies in the states: most of what a hop moves in memory.
    """
    frames, joined = past.shape[0], _append(past, x)
    return joined[:-frames].reshape(-1, x.shape[1]), joined[-frames:]


def _append(past: Tensor, x: Tensor) -> Tensor:
    """Join frames `past` [m, batch, ...] and rows x of the same, frames slowest."""
    return torch.cat([past, x.reshape(-1, *past.shape[1:])])


def _taps(block: default.Block | default.TimeBlock) -> Tensor:
    """Both taps of a block as one matrix [2 channels, channels]."""
    return torch.cat([block.now, block.past]).detach()


class FoldedTimeBlock(nn.Module):
    """A block of the full-band path on rows [n, size]; `past` [d, batch, size] comes before."""

    taps: Tensor

    def __init__(self, block: default.TimeBlock) -> None:
        super().__init__()
        self.dilation = block.dilation
        self.register_buffer("taps", _taps(block))
        self.bias, self.out = block.bias, block.out

    def forward(self, z: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Map rows and `past` to new rows and the next past."""
        before, following = _shift(z, past)
        u = F.leaky_relu(torch.addmm(self.bias, torch.cat([z, before], dim=1), self.taps), SLOPE)
        return z + self.out(u), following


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
    filter_bias: Tensor
    fine_signs: Tensor
    fine_rows: Tensor

    def __init__(self, network: default.SpectralDenoiser) -> None:
        super().__init__()
        self.context, self.lookahead = network.context, network.lookahead
        self.channels, self.dilations = network.channels, network.dilations
        self.leave, self.join, self.full_band = network.leave, network.join, network.full_band
        self.history, self.taps, self.features = network.history, network.taps, network.features
        self.fine = network.fine
        self.time_blocks: Any = nn.ModuleList()
        if self.full_band:
            self.time_blocks.extend(FoldedTimeBlock(b) for b in self.full_band.blocks)
        self.fourier = MatrixFourier()
        self.blocks: Any = nn.ModuleList(FoldedBlock(block) for block in network.blocks)
        self.decode_high, self.mask_high = network.decode_high, network.mask_high
        with torch.no_grad():
            self._fold_encoder(network)
            self._fold_filter(network.mask_low)
            self._fold_fine()

    def _fold_encoder(self, network: default.SpectralDenoiser) -> None:
        """Fold the timestep's scale and shift, biases and positions into two matrices and a sum."""
        film = network.condition(zero_timestep(1))
        scale, shift = (1 + film[0, : self.channels]), film[0, self.channels :]
        low, high = network.encode_low, network.encode_high
        biases = [low.bias.expand(LOW, -1), high.bias.expand(POSITIONS - LOW, -1)]
        self.register_buffer("shift", (torch.cat(biases) + network.position) * scale + shift)
        room = (0, 0, 0, self.features * (2 * LOW_STRIDE - LOW_KERNEL))  # a tenth tap of zeros
        self.register_buffer("low", F.pad((low.weight * scale[:, None]).T, room))
        self.register_buffer("decode", F.pad(network.decode_low.weight.T, room).contiguous())
        self.register_buffer("decode_bias", network.decode_low.bias)
        self.register_buffer("high", (high.weight * scale[:, None]).T.contiguous())

    def _fold_filter(self, mask: nn.Linear) -> None:
        """Lay out a filter's c as what (re, im) are multiplied by: (Re c, -Im c), (Im c, Re c)."""
        rows = torch.cat([mask.weight, mask.bias[:, None]], dim=1)
        rows = rows.unflatten(0, (self.taps, 2, LOW_STRIDE))
        real, imaginary = rows[:, 0], rows[:, 1]
        of_re, of_im = torch.stack([real, imaginary], 1), torch.stack([-imaginary, real], 1)
        rows = torch.stack([of_re, of_im], 1).flatten(0, 3)  # (tap, in, out, bin)
        self.register_buffer("filter", rows[:, :-1].T.contiguous())
        self.register_buffer("filter_bias", rows[:, -1].contiguous())

    def _fold_fine(self) -> None:
        """`default.fine_power` as signs [8, bins] and a matrix: (re, im) of frames to two sums.

        Rows re at k, re above, im at k, im above; columns (re, im) of each frame, newest first.
        """
        signs = torch.stack([torch.ones(LOW_BINS), half_turns(LOW_BINS)]).repeat(FINE // 2, 1)
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
        frames = frame(F.pad(audio[:, 0], (HOP, HOP)))
        batch = audio.shape[0]
        past = [audio.new_zeros(shape) for shape in self._shapes(batch)[2:]]
        return overlap_add(self._frames(frames, past, batch)[0])[:, None]

    def stream(
        self, audio: Tensor, conditioning: Tensor, states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Denoise [batch, 1, n * 480] samples, delayed by 480; see `initial_states`."""
        before, tail, *past = states
        padded = torch.cat([before, audio[:, 0]], dim=-1)
        frames, following = self._frames(frame(padded), past, audio.shape[0])
        tails = torch.cat([tail[:, None], frames[:, :, HOP:]], dim=1)
        out = (frames[:, :, :HOP] + tails[:, :-1]).flatten(1)[:, None]
        return out, [padded[:, -HOP:], tails[:, -1], *following]

    def _shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Shapes of the states: two of audio, then [frames, batch, ...] of all that look back.

        The last one, of levels, is [batch, bins, frames], as pooling over time wants it.
        """
        shapes: list[tuple[int, ...]] = [(batch, HOP), (batch, HOP)]
        shapes += [(d, batch, POSITIONS, self.channels) for d in self.dilations]
        shapes += [(b.dilation, batch, b.bias.shape[0]) for b in self.time_blocks]
        if self.taps > 1:
            shapes.append((self.taps - 1, batch, 2 * LOW_BINS))
        if self.history:
            shapes.append((batch, LOW_BINS, self.history + SMOOTH - 2))
        return shapes

    def _frames(
        self, frames: Tensor, past: list[Tensor], batch: int
    ) -> tuple[Tensor, list[Tensor]]:
        """Denoise frames [batch, time, 960]; the rest runs on time-major rows."""
        spectrum = self.fourier.analyse(frames.transpose(0, 1).reshape(-1, 2 * HOP))
        count, last = len(self.blocks), len(past) - (self.taps > 1) - (self.history > 0)
        following, later, heard = past[:count], past[count:last], past[last:]
        recent = self._recent(spectrum, heard)
        seen = self._see(spectrum, recent, heard)
        x = first = self._encode(*seen).reshape(-1, self.channels)
        for i, block in enumerate(self.blocks):
            if i == self.leave and self.full_band:
                beside, later = self._full_band(x, later)
            if i == self.join and self.full_band:
                x = x + beside
            x, following[i] = block(x, past[i])
        x = torch.cat([x, first], dim=1).reshape(-1, POSITIONS, 2 * self.channels)
        spectrum = self._mask(spectrum, recent, x, *seen)
        out = self.fourier.synthesise(spectrum).reshape(-1, batch, 2 * HOP)
        return out.transpose(0, 1), [*following, *later, *heard]

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

    def _recent(self, spectrum: Tensor, heard: list[Tensor]) -> Tensor:
        """Return the low bins of the last `taps` frames, newest first, [n, 2 taps, 160]."""
        low = spectrum[..., :LOW_BINS].reshape(-1, 2 * LOW_BINS)
        if self.taps > 1:
            joined = _append(heard[0], low)
            heard[0] = joined[1 - self.taps :]
            newest = [joined[self.taps - 1 - i : -i or None] for i in range(self.taps)]
            low = torch.cat(newest, dim=-1)
        return low.reshape(-1, 2 * self.taps, LOW_BINS)

    def _see(self, spectrum: Tensor, recent: Tensor, heard: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map rows [n, 2, 481] to what is known of low and high bins, [n, positions, values].

        Brings the magnitudes heard forward.
        """
        power = (spectrum * spectrum).sum(1, keepdim=True)
        if self.fine:
            heard_as_one = self.fine_rows @ (recent[:, : 2 * FINE] * self.fine_signs)
            power_of_parts = (heard_as_one * heard_as_one).reshape(-1, 2, 2 * LOW_BINS)
            power = torch.cat([power, power_of_parts.sum(1, keepdim=True)], dim=-1)
        # One logarithm and exponentials: powers are slow.
        logarithm = torch.log(power + QUIETEST)
        magnitude = torch.exp(logarithm * (COMPRESSION / 2))
        gain = torch.exp(logarithm[..., :LOW_BINS] * ((COMPRESSION - 1) / 2))
        parts = [magnitude[..., :LOW_BINS], spectrum[..., :LOW_BINS] * gain]
        if self.history:
            levels = parts[0].reshape(-1, heard[-1].shape[0], LOW_BINS).permute(1, 2, 0)
            levels = torch.cat([heard[-1], levels], dim=-1)
            heard[-1] = levels[..., 2 - SMOOTH - self.history :]
            both = torch.cat(look_back(levels, self.history), dim=1)
            parts.append(both.permute(2, 0, 1).reshape(-1, 2, LOW_BINS))
        if self.fine:
            parts.append(magnitude[..., BINS:].reshape(-1, 2, LOW_BINS))
        low = torch.cat(parts, dim=1).transpose(1, 2)
        low = F.pad(low, (0, 0, 2, 2 * LOW_STRIDE - 7))
        groups = low.reshape(-1, LOW + 1, self.features * LOW_STRIDE)
        high = magnitude[..., LOW_BINS : BINS - 1].reshape(-1, POSITIONS - LOW, HIGH_STRIDE)
        return torch.cat([groups[:, :-1], groups[:, 1:]], dim=-1), high

    def _encode(self, low: Tensor, high: Tensor) -> Tensor:
        """Map what is known of the bins to [n, positions, channels]."""
        x = torch.cat([low @ self.low, high @ self.high], dim=1)
        return F.leaky_relu(x + self.shift, SLOPE)

    def _mask(
        self, spectrum: Tensor, recent: Tensor, x: Tensor, low: Tensor, high: Tensor
    ) -> Tensor:
        """Filter rows [n, 2, 481] as told by x [n, positions, 2 channels] and what was seen."""
        rows = torch.cat([x[:, LOW:], high], dim=-1).flatten(0, 1)
        gain = torch.sigmoid(self.mask_high(F.leaky_relu(self.decode_high(rows), SLOPE)))
        gain = gain.reshape(-1, 1, BINS - 1 - LOW_BINS)
        gain = torch.cat([gain, gain[..., -1:]], dim=-1)  # the Nyquist bin goes with its neighbour
        rows = torch.cat([x[:, :LOW], low], dim=-1).flatten(0, 1)
        rows = F.leaky_relu(torch.addmm(self.decode_bias, rows, self.decode), SLOPE)
        c = torch.addmm(self.filter_bias, rows, self.filter)
        c = c.reshape(-1, LOW, 4 * self.taps, LOW_STRIDE).transpose(1, 2)
        c = c.reshape(-1, 2 * self.taps, 2, LOW_BINS)  # (tap, in), out
        low = (recent[:, :, None] * c).sum(1)
        return torch.cat([low, spectrum[..., LOW_BINS:] * gain], dim=-1)
