"""The input features of the `default` network, and how frequency bins are grouped into positions.

A position is a group of bins that the network treats as one: 32 low positions of 5 bins each up to
8 kHz, and 8 high positions of 40 bins each above.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .fourier import BINS

LOW_BINS = 160  # 0-8 kHz at full resolution, 50 Hz per bin
LOW_STRIDE, LOW_KERNEL = 5, 9
HIGH_STRIDE = 40  # 8-24 kHz: 8 positions of 2 kHz
HIGH_GROUP = 8  # adjacent high bins that share one history: 400 Hz
LOW_POSITIONS = LOW_BINS // LOW_STRIDE
HIGH_POSITIONS = (BINS - 1 - LOW_BINS) // HIGH_STRIDE
POSITIONS = LOW_POSITIONS + HIGH_POSITIONS
HIGH_GROUPS = HIGH_POSITIONS * HIGH_STRIDE // HIGH_GROUP
COMPRESSION = 0.3  # exponent of the magnitude
POWER_FLOOR = 1e-8  # added to the power of a bin, where features keep the recording's level
RELATIVE_POWER_FLOOR = 1e-16  # for level-invariant features: far below the noise of 24-bit audio
LEVEL_BINS = slice(2, LOW_BINS)  # 100 Hz to 8 kHz: leaves out rumble and DC offset
ONSET_SHARE = 0.5  # least share of a frame's own level; bounds the features at a sound's start
LEVEL_FLOOR = 0.02  # compressed: white noise at -140 dBFS; digital silence is below it
SMOOTHING_FRAMES = 4  # length of the moving average that precedes the minimum
FINE_FRAMES = 4  # frames that together form one window of 50 ms


def extract_features(
    re: Tensor,
    im: Tensor,
    history: int,
    high_history: bool,
    fine: bool,
    level_invariant: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the features of spectra [T, B, 481], for low and for high positions.

    The shapes are [T, B, 32, 9 * features] and [T, B, 8, 40 (+ 10)]. With `high_history` each high
    position also has the mean and the minimum of five groups of bins. `SpectralDenoiser` describes
    `history`, `fine`, `level_invariant` and the number of features.
    """
    floor = RELATIVE_POWER_FLOOR if level_invariant else POWER_FLOOR
    power = re.square() + im.square() + floor
    magnitude, gain = power ** (COMPRESSION / 2), power ** ((COMPRESSION - 1) / 2)
    features = [x[..., :LOW_BINS] for x in (magnitude, re * gain, im * gain)]
    high = magnitude[..., LOW_BINS : BINS - 1].unflatten(-1, (HIGH_POSITIONS, HIGH_STRIDE))
    if history:
        magnitudes = features[0]
        if high_history:
            groups = high.unflatten(-1, (-1, HIGH_GROUP)).mean(-1).flatten(-2)  # [T, B, 40]
            magnitudes = torch.cat([magnitudes, groups], dim=-1)
        magnitudes = F.pad(magnitudes.permute(1, 2, 0), (history + SMOOTHING_FRAMES - 2, 0))
        statistics = [x.permute(2, 0, 1) for x in history_statistics(magnitudes, history)]
        if level_invariant:
            level = running_level(features[0], statistics[0])
        features += (x[..., :LOW_BINS] for x in statistics)
        if high_history:
            of_high = (x[..., LOW_BINS:].unflatten(-1, (HIGH_POSITIONS, -1)) for x in statistics)
            high = torch.cat([high, *of_high], dim=-1)
    if fine:
        features += ((x + floor) ** (COMPRESSION / 2) for x in _fine_power_over_time(re, im))
    low = torch.stack(features, dim=-1)
    if history and level_invariant:
        low, high = low / level[..., None, None], high / level[..., None, None]
    low = F.pad(low, (0, 0, 2, 2))  # [T, B, 164, features]
    kernel = [low[..., i : i + LOW_BINS - 4 : LOW_STRIDE, :] for i in range(LOW_KERNEL)]
    return torch.cat(kernel, dim=-1), high


def running_level(magnitude: Tensor, mean: Tensor) -> Tensor:
    """Return the level [...] that divides the features of a frame; it is compressed as they are.

    `magnitude` and `mean` [..., 160 or more] hold each low bin's magnitude now and its average over
    the history. The mean of compressed magnitudes is close to a geometric mean. A bang of 50 ms
    that is 40 dB louder than the voice after it therefore raises the level by at most a third.
    Every feature has the same exponent, so the quotient does not depend on the recording's gain.
    """
    current, average = magnitude[..., LEVEL_BINS].mean(-1), mean[..., LEVEL_BINS].mean(-1)
    return torch.maximum(average, ONSET_SHARE * current).clamp(min=LEVEL_FLOOR)


def fine_power(re: list[Tensor], im: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the power of four frames taken as one window: at each bin, and 25 Hz above it.

    `re` and `im` [..., bins] hold the current frame, the frame before it, and so on. The phase of a
    tone at bin k advances by a factor of (-1)^k per frame (50 k Hz, 10 ms), and that of a tone
    25 Hz higher by another quarter turn. A Fourier transform over the frames separates the two.
    """
    sign = alternating_signs(re[0].shape[-1], re[0].device)
    a, b = re[0] + re[2] + sign * (re[1] + re[3]), im[0] + im[2] + sign * (im[1] + im[3])
    c, d = re[0] - re[2] - sign * (im[1] - im[3]), im[0] - im[2] + sign * (re[1] - re[3])
    low, high = (x.square() + y.square() for x, y in ((a, b), (c, d)))
    return low / FINE_FRAMES**2, high / FINE_FRAMES**2


def alternating_signs(bins: int, device: torch.device | None = None) -> Tensor:
    """Return the phase factor of bin k from one frame to the next: (-1)^k, [bins]."""
    return 1.0 - 2.0 * (torch.arange(bins, device=device) % 2)


def history_statistics(magnitudes: Tensor, history: int) -> tuple[Tensor, Tensor]:
    """Return the mean and the minimum of the last `history` smoothed magnitudes of each bin.

    `magnitudes` [batch, bins, history + SMOOTHING_FRAMES - 2 + time] begin with the past frames;
    both results are [batch, bins, time]. The minimum estimates the steady noise, as in Martin's
    minimum statistics (IEEE Trans. Speech and Audio Processing 9 (2001) 504), over half a second
    here.
    """
    return mean_and_minimum(F.avg_pool1d(magnitudes, SMOOTHING_FRAMES, 1), history)


def mean_and_minimum(smoothed: Tensor, history: int) -> tuple[Tensor, Tensor]:
    """Return the moving mean and minimum over `history` frames of [batch, bins, time]."""
    return F.avg_pool1d(smoothed, history, 1), -F.max_pool1d(-smoothed, history, 1)


def _fine_power_over_time(re: Tensor, im: Tensor) -> tuple[Tensor, Tensor]:
    """Return `fine_power` of the low bins at each frame of spectra [T, B, 481]."""
    past = FINE_FRAMES - 1
    padded = (F.pad(x[..., :LOW_BINS], (0, 0, 0, 0, past, 0)) for x in (re, im))
    return fine_power(*([x[past - i : len(x) - i] for i in range(FINE_FRAMES)] for x in padded))
