"""Lowering the steady floor of clean recordings: hiss and hum of the microphone and the room.

Where half of the targets keep a floor 40 dB below the voice, a network learns to leave as much of
any noise in pauses. The floor is estimated by quantiles over time (Stahl, Fischer and Bippus,
ICASSP 2000) and taken off by spectral subtraction (Berouti, Schwartz and Makhoul, ICASSP 1979),
down to a fixed share of it, so that neither gaps nor musical tones arise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rtdenoise.constants import SAMPLE_RATE

from .banks import FULL_SCALE, Clip

Recording = tuple[np.ndarray, Clip]  # int16 [samples]
WINDOW, HOP = 1024, 256  # samples
TOGETHER = 40 * SAMPLE_RATE  # samples of one speaker that share an estimate: words have no pauses
QUIET = 58.0  # dB; a floor further below the voice stays as it is
QUANTILE = 0.1  # of the frames; exponentially distributed noise is a tenth of its mean there,
OF_MEAN = 0.14  # and somewhat more where part of the frames is speech
LEAST_FRAMES = 300  # 1.6 s; a single word would be taken for its own floor
OVER = 2.0  # times the floor's power is subtracted
SMOOTHED = 5, 3  # bins and frames that are averaged, for the powers and for the gains
DIGITAL_SILENCE = 1e-7 * WINDOW  # power of a frame


def lower_floors(recordings: Iterable[Recording], by: float) -> Iterator[Recording]:
    """Yield the recordings with floors that lie `by` dB lower, speaker by speaker.

    The levels in the clips remain those of the recordings as they were.
    """
    group: list[Recording] = []
    for recording in recordings:
        length = sum(len(samples) for samples, _ in group)
        if group and (length > TOGETHER or recording[1].speaker != group[0][1].speaker):
            yield from _lower(group, by)
            group = []
        group.append(recording)
    yield from _lower(group, by)


def _lower(group: list[Recording], by: float) -> Iterator[Recording]:
    window = torch.hann_window(WINDOW).sqrt()
    if all(clip.level - clip.floor >= QUIET for _, clip in group):
        yield from group
        return
    spectra = [_spectrum(samples, window) for samples, _ in group]
    floor = _floor(torch.cat([_power(spectrum) for spectrum in spectra], dim=1))
    for (samples, clip), spectrum in zip(group, spectra, strict=True):
        if floor is not None and clip.level - clip.floor < QUIET:
            lowered = spectrum * _gain(_power(spectrum), floor, by)
            audio = torch.istft(lowered, WINDOW, HOP, window=window, length=len(samples))
            scaled = (audio * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1)
            samples = scaled.to(torch.int16).numpy()
        yield samples, clip


def _spectrum(samples: np.ndarray, window: Tensor) -> Tensor:
    """Return the short-time spectrum [bins, frames] of int16 samples."""
    audio = torch.from_numpy(samples.astype(np.float32) / FULL_SCALE)
    return torch.stft(audio, WINDOW, HOP, window=window, pad_mode="constant", return_complex=True)


def _power(spectrum: Tensor) -> Tensor:
    return torch.view_as_real(spectrum).square().sum(-1)


def _floor(power: Tensor) -> Tensor | None:
    """Return the mean power [bins, 1] of the floor in [bins, frames], or None for a few frames."""
    power = power[:, power.sum(0) > DIGITAL_SILENCE]
    if power.shape[1] < LEAST_FRAMES:
        return None
    rank = max(1, round(QUANTILE * power.shape[1]))
    return power.kthvalue(rank, dim=1, keepdim=True).values / OF_MEAN


def _gain(power: Tensor, floor: Tensor, by: float) -> Tensor:
    """Return the factor of each bin and frame: 1 for what lies well above the floor."""
    share = 1 - OVER * floor / _smooth(power, SMOOTHED[0]).clamp(min=1e-20)
    return _smooth(share.clamp(10 ** (-by / 20), 1), SMOOTHED[1])


def _smooth(x: Tensor, size: int) -> Tensor:
    """Return the mean of `size` by `size` bins and frames around each."""
    return F.avg_pool2d(x[None], size, 1, size // 2, count_include_pad=False)[0]
