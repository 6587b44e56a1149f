"""The `default` network: Conv1D encoder-decoder over the compressed spectrum, 20 ms latency.

    audio -> frames -> compressed spectrum, and below 8 kHz what each bin was like in the last 0.4 s
             and what four frames taken together hear at it and half a bin above it
          -> Conv1d over frequency (stride 5 below 8 kHz, 40 above)
          -> blocks: [dilated causal Conv1d over time, mixing over all frequencies] + skip
             beside some of them: all frequencies as one vector, dilated Conv1d over time
          -> ConvTranspose1d over frequency
          -> beside what the encoder saw of each bin: below 8 kHz a complex filter over the last
             frames, above a gain -> audio

In the blocks weights are shared over frequency; the full-band path knows which frequency is
which, at little cost. All products are plain matrix products, and activations lie in
memory as [time, batch, position, channel]: a shift in time is then a view, and the two taps of a
causal convolution are two GEMMs that add into one result without a copy.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtdenoise.errors import RtdenoiseError

from ..network_api import DenoisingNetwork
from .embedding import sinusoidal_embedding
from .fourier import BINS, HOP, WINDOW, Fourier, frame, overlap_add
from .norm import Norm

LOW_BINS = 160  # 0-8 kHz at full resolution, 50 Hz a bin
LOW_STRIDE, LOW_KERNEL = 5, 9
HIGH_STRIDE = 40  # 8-24 kHz: 8 positions of 2 kHz
LOW, HIGH = LOW_BINS // LOW_STRIDE, (BINS - 1 - LOW_BINS) // HIGH_STRIDE
POSITIONS = LOW + HIGH
COMPRESSION = 0.3  # exponent of the magnitude
QUIETEST = 1e-8  # power of a bin
NARROW = 8  # channels of a position as the full-band path sees it
SMOOTH = 4  # frames over which a bin's magnitude is smoothed before its least is looked for
FINE = 4  # frames heard as one window of 50 ms
SLOPE = 0.1  # of LeakyReLU; a learned PReLU cost a quarter of the training step on CPU


class _CausalTaps(torch.autograd.Function):
    """y[t] = x[t] W0 + x[t - d] W1 on x [time, rows, channels], without temporaries."""

    @staticmethod
    def forward(ctx, x, w0, w1, dilation):
        ctx.save_for_backward(x, w0, w1)
        ctx.dilation = dilation
        time, rows, channels = x.shape
        y = x.reshape(-1, channels) @ w0
        if time > dilation:
            y[dilation * rows :].addmm_(x[:-dilation].reshape(-1, channels), w1)
        return y.view(time, rows, -1)

    @staticmethod
    def backward(ctx, grad):
        x, w0, w1 = ctx.saved_tensors
        dilation, (time, rows, channels) = ctx.dilation, x.shape
        flat, grad = x.reshape(-1, channels), grad.reshape(time * rows, -1)
        grad_x, grad_w0, grad_w1 = grad @ w0.T, flat.T @ grad, torch.zeros_like(w1)
        if time > dilation:
            late = grad[dilation * rows :]
            grad_x[: -dilation * rows].addmm_(late, w1.T)
            grad_w1 = flat[: -dilation * rows].T @ late
        return grad_x.view_as(x), grad_w0, grad_w1, None


class Block(nn.Module):
    """Residual block: two-tap causal convolution in time, then mixing over frequency."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        scale = (2 * channels) ** -0.5
        self.now = nn.Parameter(torch.randn(channels, channels) * scale)
        self.past = nn.Parameter(torch.randn(channels, channels) * scale)
        self.norm = Norm(channels)
        self.mix = nn.Parameter(torch.randn(POSITIONS, POSITIONS) * POSITIONS**-0.5)
        self.out = nn.Parameter(torch.randn(channels, channels) * 0.3 * channels**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [time, batch, position, channel] to the same shape; silence came before it."""
        rows = x.flatten(1, 2)
        u = _CausalTaps.apply(rows, self.now, self.past, self.dilation)
        u = activate(self.norm(u)).view_as(x)
        v = activate(u + self.mix @ u)
        return added(x, v, self.out)


class TimeBlock(nn.Module):
    """Residual two-tap causal convolution over time, on vectors."""

    def __init__(self, size: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        scale = (2 * size) ** -0.5
        self.now = nn.Parameter(torch.randn(size, size) * scale)
        self.past = nn.Parameter(torch.randn(size, size) * scale)
        self.norm = Norm(size)
        self.out = nn.Parameter(torch.randn(size, size) * 0.3 * size**-0.5)

    def forward(self, z: Tensor) -> Tensor:
        """Map z [time, batch, size] to the same shape; silence came before it."""
        u = self.norm(_CausalTaps.apply(z, self.now, self.past, self.dilation))
        return added(z, activate(u), self.out)


def activate(x: Tensor) -> Tensor:
    """LeakyReLU in place of x."""
    return F.leaky_relu(x, SLOPE, inplace=True)


def added(x: Tensor, v: Tensor, weight: Tensor) -> Tensor:
    """Return x + v @ weight of x [..., size], v [..., values], weight [values, size] at once."""
    rows = x.reshape(-1, x.shape[-1])
    return torch.addmm(rows, v.reshape(-1, v.shape[-1]), weight).view_as(x)


class FullBand(nn.Module):
    """All frequencies as one vector: what kind of noise is this, and who speaks?"""

    def __init__(self, channels: int, size: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.dilations = dilations
        wide = POSITIONS * NARROW
        self.narrow, self.narrow_norm = nn.Linear(channels, NARROW, bias=False), Norm(NARROW)
        self.gather, self.gather_norm = nn.Linear(wide, size, bias=False), Norm(size)
        self.spread, self.spread_norm = nn.Linear(size, wide, bias=False), Norm(wide)
        self.widen = nn.Parameter(torch.randn(NARROW, channels) * 0.3 * NARROW**-0.5)
        self.blocks: Any = nn.ModuleList(TimeBlock(size, d) for d in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [time, batch, position, channel] to values [.., position, 8]; see `widen`."""
        z = activate(self.narrow_norm(self.narrow(x))).flatten(2)
        z = activate(self.gather_norm(self.gather(z)))
        y = activate(self.spread_norm(self.spread(self.remember(z))))
        return y.unflatten(-1, (POSITIONS, NARROW))

    def remember(self, z: Tensor) -> Tensor:
        """Map z [time, batch, size] to the same shape: where time is looked back on."""
        for block in self.blocks:
            z = block(z)
        return z


class SpectralDenoiser(DenoisingNetwork):
    """The bundled network. `channels` and `dilations` set its size and its memory in frames.

    The full-band path of `full_band` values leaves after block `leave` and joins before block
    `join`; `full_band` 0 does without it. `history` frames give each bin its mean and its least
    magnitude, the noise's as a rule; a bin's output is a filter over its last `taps` frames (as in
    Schroeter et al., DeepFilterNet, arXiv:2110.05588), which tells harmonics apart that lie closer
    than a 20 ms window does; `fine` shows the encoder where they lie. `detail` values decide on
    the filters of a position: a few channels cannot say how loud each of its bins is, so that the
    decoder sees that too.
    """

    hop = HOP
    streams = True

    def __init__(
        self,
        channels: int = 32,
        dilations: tuple[int, ...] = (1, 2, 4, 8),
        embedding: int = 64,
        full_band: int = 128,
        full_band_dilations: tuple[int, ...] = (1, 4, 16),
        leave: int = 1,
        join: int = 1,
        history: int = 40,
        taps: int = 4,
        fine: bool = True,
        detail: int = 64,
    ) -> None:
        super().__init__()
        if fine and taps < FINE:
            raise RtdenoiseError(f"network option fine needs taps of at least {FINE}: not {taps}")
        self.leave, self.join, self.history, self.taps = leave, join, history, taps
        self.fine, self.detail = fine, detail
        self.channels, self.dilations, self.embedding = channels, tuple(dilations), embedding
        beside = sum(full_band_dilations) if full_band else 0
        memory = sum(dilations[:leave]) + sum(dilations[join:])
        looked_back = history + SMOOTH - 2 if history else (FINE - 1) * fine
        frames = max(looked_back + max(sum(dilations), memory + beside), taps - 1)
        self.context = WINDOW - HOP + frames * HOP
        self.lookahead = WINDOW - HOP
        self.fourier = Fourier()
        self.encode_low = nn.Linear(LOW_KERNEL * self.features, channels, bias=False)
        self.encode_high = nn.Linear(HIGH_STRIDE, channels, bias=False)
        self.norm_low, self.norm_high = Norm(channels), Norm(channels)
        self.position = nn.Parameter(torch.zeros(POSITIONS, channels))
        film = nn.Linear(embedding, 2 * channels)
        nn.init.zeros_(film.weight)  # FiLM starts as the identity
        nn.init.zeros_(film.bias)
        self.timestep = nn.Sequential(nn.Linear(embedding, embedding), nn.SiLU(), film)
        self.blocks: Any = nn.ModuleList(Block(channels, d) for d in dilations)
        self.full_band = FullBand(channels, full_band, full_band_dilations) if full_band else None
        seen_low, seen_high = LOW_KERNEL * self.features, HIGH_STRIDE
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

    def condition(self, t: Tensor) -> Tensor:
        """Map timesteps [batch] to FiLM scale and shift [batch, 2 * channels]."""
        return self.timestep(sinusoidal_embedding(t, self.embedding))

    def denoise(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise audio [batch, 1, samples]; samples a multiple of 480."""
        frames = frame(F.pad(audio[:, 0], (HOP, HOP)))
        re, im = (part.transpose(0, 1) for part in self.fourier.analyse(frames))  # [T, B, bins]
        low, high = self._see(re, im)
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

    def for_export(self) -> DenoisingNetwork:
        """Return the form that runs: t = 0, matrix products, with `denoise` and `stream`."""
        from .folded import FoldedDenoiser

        return FoldedDenoiser(self.eval())

    def _see(self, re: Tensor, im: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is known of the bins [T, B, 481]: [T, B, 32, 9 * features], [T, B, 8, 40]."""
        power = re.square() + im.square() + QUIETEST
        magnitude, gain = power ** (COMPRESSION / 2), power ** ((COMPRESSION - 1) / 2)
        parts = [x[..., :LOW_BINS] for x in (magnitude, re * gain, im * gain)]
        if self.history:
            levels = F.pad(parts[0].permute(1, 2, 0), (self.history + SMOOTH - 2, 0))
            parts += (x.permute(2, 0, 1) for x in look_back(levels, self.history))
        if self.fine:
            spectra = (F.pad(x[..., :LOW_BINS], (0, 0, 0, 0, FINE - 1, 0)) for x in (re, im))
            frames = [[x[FINE - 1 - i : len(x) - i] for i in range(FINE)] for x in spectra]
            parts += ((x + QUIETEST) ** (COMPRESSION / 2) for x in fine_power(*frames))
        low = F.pad(torch.stack(parts, dim=-1), (0, 0, 2, 2))  # [T, B, 164, features]
        taps = [low[..., i : i + LOW_BINS - 4 : LOW_STRIDE, :] for i in range(LOW_KERNEL)]
        high = magnitude[..., LOW_BINS : BINS - 1].unflatten(-1, (HIGH, HIGH_STRIDE))
        return torch.cat(taps, dim=-1), high

    def _encode(self, low: Tensor, high: Tensor, film: Tensor) -> Tensor:
        low, high = self.norm_low(self.encode_low(low)), self.norm_high(self.encode_high(high))
        x = torch.cat([low, high], dim=-2) + self.position
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


def joined_linear(layer: nn.Linear, *parts: Tensor) -> Tensor:
    """Return layer(torch.cat(parts, -1)) without the copy that joins them."""
    weights = layer.weight.split([x.shape[-1] for x in parts], dim=1)
    y = parts[0] @ weights[0].T
    for x, weight in zip(parts[1:], weights[1:], strict=True):
        y = added(y, x, weight.T)
    return y


def fine_power(re: list[Tensor], im: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the power of four frames heard as one: at each bin, and 25 Hz above it.

    `re` and `im` [..., bins] of the newest frame, the one before, and so on. A tone at bin k turns
    by (-1)^k from frame to frame (50 k Hz, 10 ms), one 25 Hz above by another quarter: a Fourier
    transform over the frames tells them apart.
    """
    sign = half_turns(re[0].shape[-1]).to(re[0].device)
    a, b = re[0] + re[2] + sign * (re[1] + re[3]), im[0] + im[2] + sign * (im[1] + im[3])
    c, d = re[0] - re[2] - sign * (im[1] - im[3]), im[0] - im[2] + sign * (re[1] - re[3])
    low, high = (x.square() + y.square() for x, y in ((a, b), (c, d)))
    return low / FINE**2, high / FINE**2


def half_turns(bins: int) -> Tensor:
    """By what bin k turns from frame to frame: (-1)^k, [bins]."""
    return 1.0 - 2.0 * (torch.arange(bins) % 2)


def look_back(levels: Tensor, history: int) -> tuple[Tensor, Tensor]:
    """Return the mean and the least of the last `history` smoothed magnitudes of each bin.

    `levels` [batch, bins, history + SMOOTH - 2 + time] begin with the past; both are [batch, bins,
    time]. The least of smoothed levels is what is always there: Martin's minimum statistics (IEEE
    Trans. Speech and Audio Processing 9 (2001) 504), here over 0.4 s.
    """
    return mean_and_least(F.avg_pool1d(levels, SMOOTH, 1), history)


def mean_and_least(smooth: Tensor, history: int) -> tuple[Tensor, Tensor]:
    """Return both of each `history` neighbours of `smooth` [batch, bins, time]."""
    return F.avg_pool1d(smooth, history, 1), -F.max_pool1d(-smooth, history, 1)
