"""The exported form of `features.extract_features`: the same values from few, large operators."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .features import (
    COMPRESSION,
    FINE_FRAMES,
    HIGH_GROUP,
    HIGH_GROUPS,
    HIGH_POSITIONS,
    HIGH_STRIDE,
    LEVEL_BINS,
    LEVEL_FLOOR,
    LOW_BINS,
    LOW_KERNEL,
    LOW_POSITIONS,
    LOW_STRIDE,
    ONSET_SHARE,
    POWER_FLOOR,
    RELATIVE_POWER_FLOOR,
    SMOOTHING_FRAMES,
    alternating_signs,
    mean_and_minimum,
)
from .folded_blocks import States, append_frames, delay
from .fourier import BINS

NEIGHBOUR_BINS = (LOW_KERNEL - LOW_STRIDE) // 2  # bins of each neighbour in a position's kernel
HIGH_BINS = BINS - 1 - LOW_BINS  # without the Nyquist bin


class FoldedFeatures(nn.Module):
    """`features.extract_features` on rows, frames slowest.

    Low bins are ordered [5, 32]: the index of a bin within its position comes first. The states
    carried from call to call are the low bins of the last `taps` - 1 frames and, where there is a
    `history`, the last magnitudes and the last smoothed magnitudes. States of None stand for
    silence; the module then does not update them.
    """

    fine_signs: Tensor
    fine_matrix: Tensor
    level_weights: Tensor

    def __init__(
        self, history: int, high_history: bool, taps: int, fine: bool, level_invariant: bool
    ) -> None:
        super().__init__()
        self.level_invariant = level_invariant
        self.floor = RELATIVE_POWER_FLOOR if level_invariant else POWER_FLOOR
        self.history, self.taps, self.fine = history, taps, fine
        self.groups = HIGH_GROUPS if high_history else 0
        self.features_per_bin = 3 + 2 * (history > 0) + 2 * fine
        # Frames that must precede the first frame whose features have their whole history.
        self.warmup_frames = max(history + SMOOTHING_FRAMES - 2 if history else 0, taps - 1)
        self._register_fine_matrices()
        weights = torch.zeros(LOW_BINS)
        weights[LEVEL_BINS] = 1 / len(weights[LEVEL_BINS])
        weights = weights.unflatten(0, (LOW_POSITIONS, LOW_STRIDE)).T.reshape(LOW_BINS, 1)
        self.register_buffer("level_weights", weights)

    def state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Return the shapes of the states; magnitudes are [batch, bins, frames], as pooling is."""
        shapes: list[tuple[int, ...]] = []
        if self.taps > 1:
            shapes.append((self.taps - 1, batch, 2 * LOW_BINS))
        if self.history:
            bins = LOW_BINS + self.groups
            shapes += [(batch, bins, n - 1) for n in (SMOOTHING_FRAMES, self.history)]
        return shapes

    def warm_up(self, low: Tensor, high: Tensor, batch: int) -> list[Tensor]:
        """Return the states after `warmup_frames` frames, rows [n, 2, 160] and [n, 2, 321]."""
        states = []
        if self.taps > 1:
            states.append(low.reshape(-1, batch, 2 * LOW_BINS)[1 - self.taps :])
        if self.history:
            spectrum = torch.cat([low, high[..., :-1]], dim=-1)
            power = (spectrum * spectrum).sum(1, keepdim=True) + self.floor
            magnitude = torch.exp(torch.log(power) * (COMPRESSION / 2))
            of_low, of_high = magnitude.split([LOW_BINS, HIGH_BINS], dim=-1)
            magnitudes = self._history_magnitudes(of_low, of_high, batch)
            smoothed = F.avg_pool1d(magnitudes, SMOOTHING_FRAMES, 1)
            states += [magnitudes[..., 1 - SMOOTHING_FRAMES :], smoothed[..., 1 - self.history :]]
        return states

    def recent_frames(self, low: Tensor, states: States, batch: int) -> Tensor:
        """Return the low bins of the last `taps` frames, newest first, [n, 2 taps, 160].

        Updates the first of `states`.
        """
        if self.taps > 1:
            past, shape = states[0], (batch, 2 * LOW_BINS)
            if past is None:
                joined = delay(low, self.taps - 1, shape)
            else:
                joined = append_frames(past, low, shape)
                states[0] = joined[1 - self.taps :]
            shifted = [joined[self.taps - 1 - i : -i or None] for i in range(self.taps)]
            low = torch.cat(shifted, dim=-1)
        return low.reshape(-1, 2 * self.taps, LOW_BINS)

    def forward(
        self, low: Tensor, high: Tensor, recent: Tensor, states: States, batch: int
    ) -> tuple[Tensor, Tensor]:
        """Map rows [n, 2, 160] and [n, 2, 321] to features [n, positions, values].

        `recent` is the result of `recent_frames`. Updates the last two of `states`.
        """
        spectrum, sizes = torch.cat([low, high], dim=-1), [LOW_BINS, HIGH_BINS, 1]
        power = (spectrum * spectrum).sum(1, keepdim=True)
        if self.fine:
            power = torch.cat([power, self._fine_power(recent)], dim=-1)
            sizes.append(2 * LOW_BINS)
        # One logarithm and exponentials: the power operator is slow.
        logarithm = torch.log(power + self.floor)
        of_low, of_high, _, *fine = torch.exp(logarithm * (COMPRESSION / 2)).split(sizes, dim=-1)
        gain = torch.exp(logarithm[..., :LOW_BINS] * ((COMPRESSION - 1) / 2))
        features, high = [of_low, low * gain], of_high.reshape(-1, HIGH_POSITIONS, HIGH_STRIDE)
        if self.history:
            magnitudes = self._history_magnitudes(of_low, of_high, batch)
            statistics = self._history_statistics(magnitudes, states)
            if self.groups:
                statistics, groups = statistics.split([LOW_BINS, self.groups], dim=-1)
                each = HIGH_STRIDE // HIGH_GROUP
                groups = groups.reshape(-1, 2, HIGH_POSITIONS, each).transpose(1, 2)
                high = torch.cat([high, groups.reshape(-1, HIGH_POSITIONS, 2 * each)], dim=-1)
            features.append(statistics)
            if self.level_invariant:
                scale = self._inverse_level(of_low, statistics)
        features += [x.reshape(-1, 2, LOW_BINS) for x in fine]
        low = torch.cat(features, dim=1)  # [n, features, 160]
        if self.level_invariant:
            low, high = low * scale, high * scale
        return self._gather_kernels(low), high

    def _fine_power(self, recent: Tensor) -> Tensor:
        """Return `features.fine_power` of `recent_frames` as rows [n, 1, 320]."""
        frames = recent if self.taps == FINE_FRAMES else recent[:, : 2 * FINE_FRAMES]
        frames = frames.reshape(-1, FINE_FRAMES // 2, 2, 2, LOW_BINS) * self.fine_signs
        spectra = self.fine_matrix @ frames.reshape(-1, 2 * FINE_FRAMES, LOW_BINS)
        return (spectra * spectra).reshape(-1, 2, 2 * LOW_BINS).sum(1, keepdim=True)

    def _inverse_level(self, magnitude: Tensor, statistics: Tensor) -> Tensor:
        """Return 1 / `features.running_level` of [n, 1, 160] and [n, 2, 160], as [n, 1, 1].

        Bins are ordered [5, 32] here, so a weight of zero leaves out the two lowest.
        """
        both = torch.cat([magnitude, statistics[:, :1]], dim=1) @ self.level_weights  # [n, 2, 1]
        current, average = both.split(1, dim=1)
        return 1 / torch.maximum(average, ONSET_SHARE * current).clamp(min=LEVEL_FLOOR)

    def _gather_kernels(self, low: Tensor) -> Tensor:
        """Give each low position its bins and its neighbours': [n, 32, features * 9]."""
        bins = low.reshape(-1, self.features_per_bin, LOW_STRIDE, LOW_POSITIONS)
        below = F.pad(bins[:, :, LOW_STRIDE - NEIGHBOUR_BINS :, :-1], (1, 0))
        above = F.pad(bins[:, :, :NEIGHBOUR_BINS, 1:], (0, 1))
        kernels = torch.cat([below, bins, above], dim=2)
        kernels = kernels.reshape(-1, self.features_per_bin * LOW_KERNEL, LOW_POSITIONS)
        return kernels.transpose(1, 2)

    def _history_magnitudes(self, low: Tensor, high: Tensor, batch: int) -> Tensor:
        """Return the magnitudes that have a history, [batch, 160 or 200, frames].

        `low` [n, 1, 160] and `high` [n, 1, 320] are magnitudes; high bins are averaged in groups.
        """
        if self.groups:
            low = torch.cat([low, F.avg_pool1d(high, HIGH_GROUP)], dim=-1)
        return low.reshape(-1, batch, LOW_BINS + self.groups).permute(1, 2, 0)

    def _history_statistics(self, magnitudes: Tensor, states: States) -> Tensor:
        """Return `features.history_statistics` as rows [n, 2, bins]; compute each frame once."""
        past, past_smoothed = states[-2:]
        if past is None:
            padded = F.pad(magnitudes, (SMOOTHING_FRAMES - 1, 0))
            both = self._statistics_after_silence(F.avg_pool1d(padded, SMOOTHING_FRAMES, 1))
        else:
            magnitudes = torch.cat([past, magnitudes], dim=-1)
            smoothed = F.avg_pool1d(magnitudes, SMOOTHING_FRAMES, 1)
            smoothed = torch.cat([past_smoothed, smoothed], dim=-1)
            states[-2] = magnitudes[..., 1 - SMOOTHING_FRAMES :]
            states[-1] = smoothed[..., 1 - self.history :]
            both = mean_and_minimum(smoothed, self.history)
        return torch.cat(both, dim=1).permute(2, 0, 1).reshape(-1, 2, LOW_BINS + self.groups)

    def _statistics_after_silence(self, smoothed: Tensor) -> tuple[Tensor, Tensor]:
        """Return `features.mean_and_minimum` after silence; a cumulative sum is faster here."""
        total, frames = smoothed.cumsum(-1), min(self.history, len(smoothed[0, 0]))
        mean = (total - F.pad(total, (frames, -frames))) / self.history
        return mean, -F.max_pool1d(-F.pad(smoothed, (self.history - 1, 0)), self.history, 1)

    def _register_fine_matrices(self) -> None:
        """Register signs [2, 1, bins] and a matrix that together give `features.fine_power`.

        Rows: real part at bin k, real part 25 Hz above, imaginary part at k, imaginary part above.
        Columns: (re, im) of each frame, newest first.
        """
        signs = torch.stack([torch.ones(LOW_BINS), alternating_signs(LOW_BINS)])
        signs = signs.unflatten(1, (LOW_POSITIONS, LOW_STRIDE)).transpose(1, 2).flatten(1)
        quarter_turns = 1j ** torch.arange(FINE_FRAMES)  # one more with each frame
        sums = torch.stack([torch.ones(FINE_FRAMES), quarter_turns]).conj() / FINE_FRAMES
        rows = torch.stack([torch.view_as_real(sums), torch.view_as_real(1j * sums)])
        self.register_buffer("fine_signs", signs[:, None])
        self.register_buffer("fine_matrix", rows.reshape(2 * 2, 2 * FINE_FRAMES).contiguous())
