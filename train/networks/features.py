"""What the `default` network is shown of a spectrum; how bins are grouped into positions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .fourier import BINS

LOW_BINS = 160  # 0-8 kHz at full resolution, 50 Hz a bin
LOW_STRIDE, LOW_KERNEL = 5, 9
HIGH_STRIDE = 40  # 8-24 kHz: 8 positions of 2 kHz
HIGH_GROUP = 8  # bins of which one course is looked back on: 400 Hz
LOW, HIGH = LOW_BINS // LOW_STRIDE, (BINS - 1 - LOW_BINS) // HIGH_STRIDE
POSITIONS = LOW + HIGH
HIGH_GROUPS = HIGH * HIGH_STRIDE // HIGH_GROUP
COMPRESSION = 0.3  # exponent of the magnitude
QUIETEST = 1e-8  # power of a bin, where features keep the recording's level
FAINTEST = 1e-16  # the same where they do not: far below the noise of 24-bit audio
LEVEL_BINS = slice(2, LOW_BINS)  # 100 Hz to 8 kHz: neither rumble nor a DC offset sets the level
ONSET = 0.5  # a frame's level counts at least by this share, or the first frame of a sound is huge
LOWEST_LEVEL = 0.02  # compressed: white noise at -140 dBFS; digital silence is quieter than noise
SMOOTH = 4  # frames over which a bin's magnitude is smoothed before its least is looked for
FINE = 4  # frames heard as one window of 50 ms


def see(
    re: Tensor,
    im: Tensor,
    history: int,
    high_history: bool,
    fine: bool,
    level_invariant: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return what is known of the bins [T, B, 481]: [T, B, 32, 9 * features], [T, B, 8, 40 (+ 10)].

    With `high_history` each high position also has the mean and the minimum of five groups of
    bins. For `history`, `fine`, `level_invariant` and the number of features see
    `SpectralDenoiser`.
    """
    floor = FAINTEST if level_invariant else QUIETEST
    power = re.square() + im.square() + floor
    magnitude, gain = power ** (COMPRESSION / 2), power ** ((COMPRESSION - 1) / 2)
    parts = [x[..., :LOW_BINS] for x in (magnitude, re * gain, im * gain)]
    high = magnitude[..., LOW_BINS : BINS - 1].unflatten(-1, (HIGH, HIGH_STRIDE))
    if history:
        levels = parts[0]
        if high_history:
            groups = high.unflatten(-1, (-1, HIGH_GROUP)).mean(-1).flatten(-2)  # [T, B, 40]
            levels = torch.cat([levels, groups], dim=-1)
        levels = F.pad(levels.permute(1, 2, 0), (history + SMOOTH - 2, 0))
        past = [x.permute(2, 0, 1) for x in look_back(levels, history)]
        if level_invariant:
            level = running_level(parts[0], past[0])
        parts += (x[..., :LOW_BINS] for x in past)
        if high_history:
            above = (x[..., LOW_BINS:].unflatten(-1, (HIGH, -1)) for x in past)
            high = torch.cat([high, *above], dim=-1)
    if fine:
        spectra = (F.pad(x[..., :LOW_BINS], (0, 0, 0, 0, FINE - 1, 0)) for x in (re, im))
        frames = [[x[FINE - 1 - i : len(x) - i] for i in range(FINE)] for x in spectra]
        parts += ((x + floor) ** (COMPRESSION / 2) for x in fine_power(*frames))
    low = torch.stack(parts, dim=-1)
    if history and level_invariant:
        low, high = low / level[..., None, None], high / level[..., None, None]
    low = F.pad(low, (0, 0, 2, 2))  # [T, B, 164, features]
    taps = [low[..., i : i + LOW_BINS - 4 : LOW_STRIDE, :] for i in range(LOW_KERNEL)]
    return torch.cat(taps, dim=-1), high


def running_level(magnitude: Tensor, mean: Tensor) -> Tensor:
    """Return the level [...] by which the features of a frame are divided, compressed like them.

    `magnitude` and `mean` [..., 160 or more]: of each low bin now, and on average over the
    history. The compressed mean is close to a geometric one, so that a bang of 50 ms which is
    40 dB louder than the voice after it raises the level by no more than a third. Every feature
    has the same exponent, so that the quotient does not depend on the recording's gain.
    """
    now, before = magnitude[..., LEVEL_BINS].mean(-1), mean[..., LEVEL_BINS].mean(-1)
    return torch.maximum(before, ONSET * now).clamp(min=LOWEST_LEVEL)


def fine_power(re: list[Tensor], im: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the power of four frames heard as one: at each bin, and 25 Hz above it.

    `re` and `im` [..., bins] of the newest frame, the one before, and so on. A tone at bin k turns
    by (-1)^k from frame to frame (50 k Hz, 10 ms), one 25 Hz above by another quarter: a Fourier
    transform over the frames tells them apart.
    """
    sign = half_turns(re[0].shape[-1], re[0].device)
    a, b = re[0] + re[2] + sign * (re[1] + re[3]), im[0] + im[2] + sign * (im[1] + im[3])
    c, d = re[0] - re[2] - sign * (im[1] - im[3]), im[0] - im[2] + sign * (re[1] - re[3])
    low, high = (x.square() + y.square() for x, y in ((a, b), (c, d)))
    return low / FINE**2, high / FINE**2


def half_turns(bins: int, device: torch.device | None = None) -> Tensor:
    """By what bin k turns from frame to frame: (-1)^k, [bins]."""
    return 1.0 - 2.0 * (torch.arange(bins, device=device) % 2)


def look_back(levels: Tensor, history: int) -> tuple[Tensor, Tensor]:
    """Return the mean and the least of the last `history` smoothed magnitudes of each bin.

    `levels` [batch, bins, history + SMOOTH - 2 + time] begin with the past; both are [batch, bins,
    time]. The least of smoothed levels is what is always there: Martin's minimum statistics (IEEE
    Trans. Speech and Audio Processing 9 (2001) 504), here over half a second.
    """
    return mean_and_least(F.avg_pool1d(levels, SMOOTH, 1), history)


def mean_and_least(smooth: Tensor, history: int) -> tuple[Tensor, Tensor]:
    """Return both of each `history` neighbours of `smooth` [batch, bins, time]."""
    return F.avg_pool1d(smooth, history, 1), -F.max_pool1d(-smooth, history, 1)
