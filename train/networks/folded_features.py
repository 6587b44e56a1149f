"""What the exported network is shown of the spectrum: `features.see` as few and large operators."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .features import (
    COMPRESSION,
    FAINTEST,
    FINE,
    HIGH,
    HIGH_GROUP,
    HIGH_GROUPS,
    HIGH_STRIDE,
    LEVEL_BINS,
    LOW,
    LOW_BINS,
    LOW_KERNEL,
    LOW_STRIDE,
    LOWEST_LEVEL,
    ONSET,
    QUIETEST,
    SMOOTH,
    half_turns,
    mean_and_least,
)
from .folded_blocks import Past, append, later
from .fourier import BINS

SIDE = (LOW_KERNEL - LOW_STRIDE) // 2  # bins of a neighbour that a position sees


class FoldedFeatures(nn.Module):
    """`features.see` on rows, frames slowest; low bins lie as [5, 32], bins of a position first.

    What was heard before is carried from call to call: low bins of the last `taps` - 1 frames, then
    their magnitudes and the smoothed ones, as far as there is a `history` to look back on.
    None of these stand for silence, and nothing is carried.
    """

    fine_signs: Tensor
    fine_rows: Tensor
    level_weights: Tensor

    def __init__(
        self, history: int, high_history: bool, taps: int, fine: bool, level_invariant: bool
    ) -> None:
        super().__init__()
        self.level_invariant = level_invariant
        self.floor = FAINTEST if level_invariant else QUIETEST
        self.history, self.taps, self.fine = history, taps, fine
        self.groups = HIGH_GROUPS if high_history else 0
        self.features = 3 + 2 * (history > 0) + 2 * fine
        # Frames before the first one that has heard all it is to hear.
        self.frames_before = max(history + SMOOTH - 2 if history else 0, taps - 1)
        self._fold_fine()
        weights = torch.zeros(LOW_BINS)
        weights[LEVEL_BINS] = 1 / len(weights[LEVEL_BINS])
        weights = weights.unflatten(0, (LOW, LOW_STRIDE)).T.reshape(LOW_BINS, 1)
        self.register_buffer("level_weights", weights)

    def shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Shapes of what was heard; levels are [batch, bins, frames], as pooling wants it."""
        shapes: list[tuple[int, ...]] = []
        if self.taps > 1:
            shapes.append((self.taps - 1, batch, 2 * LOW_BINS))
        if self.history:
            courses = LOW_BINS + self.groups
            shapes += [(batch, courses, n - 1) for n in (SMOOTH, self.history)]
        return shapes

    def listen(self, low: Tensor, high: Tensor, batch: int) -> list[Tensor]:
        """Return what was heard in `frames_before` frames, rows [n, 2, 160] and [n, 2, 321]."""
        heard = []
        if self.taps > 1:
            heard.append(low.reshape(-1, batch, 2 * LOW_BINS)[1 - self.taps :])
        if self.history:
            spectrum = torch.cat([low, high[..., :-1]], dim=-1)
            power = (spectrum * spectrum).sum(1, keepdim=True) + self.floor
            magnitude = torch.exp(torch.log(power) * (COMPRESSION / 2))
            magnitude, above = magnitude.split([LOW_BINS, BINS - 1 - LOW_BINS], dim=-1)
            levels = self._courses(magnitude, above, batch)
            smooth = F.avg_pool1d(levels, SMOOTH, 1)
            heard += [levels[..., 1 - SMOOTH :], smooth[..., 1 - self.history :]]
        return heard

    def recent(self, low: Tensor, heard: Past, batch: int) -> Tensor:
        """Return the low bins of the last `taps` frames, newest first, [n, 2 taps, 160]."""
        if self.taps > 1:
            past, shape = heard[0], (batch, 2 * LOW_BINS)
            if past is None:
                joined = later(low, self.taps - 1, shape)
            else:
                joined = append(past, low, shape)
                heard[0] = joined[1 - self.taps :]
            newest = [joined[self.taps - 1 - i : -i or None] for i in range(self.taps)]
            low = torch.cat(newest, dim=-1)
        return low.reshape(-1, 2 * self.taps, LOW_BINS)

    def forward(
        self, low: Tensor, high: Tensor, recent: Tensor, heard: Past, batch: int
    ) -> tuple[Tensor, Tensor]:
        """Map rows [n, 2, 160], [n, 2, 321] to what is known of the bins, [n, positions, values].

        Brings the magnitudes heard forward.
        """
        spectrum, sizes = torch.cat([low, high], dim=-1), [LOW_BINS, BINS - 1 - LOW_BINS, 1]
        power = (spectrum * spectrum).sum(1, keepdim=True)
        if self.fine:
            frames = recent if self.taps == FINE else recent[:, : 2 * FINE]
            frames = frames.reshape(-1, FINE // 2, 2, 2, LOW_BINS) * self.fine_signs
            heard_as_one = self.fine_rows @ frames.reshape(-1, 2 * FINE, LOW_BINS)
            power_of_parts = (heard_as_one * heard_as_one).reshape(-1, 2, 2 * LOW_BINS)
            power = torch.cat([power, power_of_parts.sum(1, keepdim=True)], dim=-1)
            sizes.append(2 * LOW_BINS)
        # One logarithm and exponentials: powers are slow.
        logarithm = torch.log(power + self.floor)
        magnitude, above, _, *fine = torch.exp(logarithm * (COMPRESSION / 2)).split(sizes, dim=-1)
        gain = torch.exp(logarithm[..., :LOW_BINS] * ((COMPRESSION - 1) / 2))
        parts, high = [magnitude, low * gain], above.reshape(-1, HIGH, HIGH_STRIDE)
        if self.history:
            levels = self._courses(magnitude, above, batch)
            past = self._look_back(levels, heard)
            if self.groups:
                past, groups = past.split([LOW_BINS, self.groups], dim=-1)
                each = HIGH_STRIDE // HIGH_GROUP
                groups = groups.reshape(-1, 2, HIGH, each).transpose(1, 2)
                high = torch.cat([high, groups.reshape(-1, HIGH, 2 * each)], dim=-1)
            parts.append(past)
            if self.level_invariant:
                level = self._level(magnitude, past)
        parts += [x.reshape(-1, 2, LOW_BINS) for x in fine]
        low = torch.cat(parts, dim=1)  # [n, features, 160]
        if self.level_invariant:
            low, high = low * level, high * level
        return self._grouped(low), high

    def _level(self, magnitude: Tensor, past: Tensor) -> Tensor:
        """Return 1 / `features.running_level` of magnitudes [n, 1, 160] and [n, 2, 160], [n, 1, 1].

        Bins lie as [5, 32] here, so that the two lowest are left out by a weight of zero.
        """
        both = torch.cat([magnitude, past[:, :1]], dim=1) @ self.level_weights  # [n, 2, 1]
        now, before = both.split(1, dim=1)
        return 1 / torch.maximum(before, ONSET * now).clamp(min=LOWEST_LEVEL)

    def _grouped(self, low: Tensor) -> Tensor:
        """Hand each low position its bins and its neighbours': [n, 32, features * 9]."""
        bins = low.reshape(-1, self.features, LOW_STRIDE, LOW)
        below = F.pad(bins[:, :, LOW_STRIDE - SIDE :, :-1], (1, 0))
        above = F.pad(bins[:, :, :SIDE, 1:], (0, 1))
        groups = torch.cat([below, bins, above], dim=2)
        return groups.reshape(-1, self.features * LOW_KERNEL, LOW).transpose(1, 2)

    def _courses(self, low: Tensor, high: Tensor, batch: int) -> Tensor:
        """Return magnitudes [n, 1, 160] and [n, 1, 320] as the courses that are looked back on.

        They are [batch, 160 or 200, frames]: those of low bins and of groups of high ones.
        """
        if self.groups:
            low = torch.cat([low, F.avg_pool1d(high, HIGH_GROUP)], dim=-1)
        return low.reshape(-1, batch, LOW_BINS + self.groups).permute(1, 2, 0)

    def _look_back(self, levels: Tensor, heard: Past) -> Tensor:
        """Return `features.look_back` of `_courses` as rows [n, 2, bins]; no frame twice."""
        past, before = heard[-2:]
        if past is None:
            both = self._since_silence(F.avg_pool1d(F.pad(levels, (SMOOTH - 1, 0)), SMOOTH, 1))
        else:
            levels = torch.cat([past, levels], dim=-1)
            smooth = torch.cat([before, F.avg_pool1d(levels, SMOOTH, 1)], dim=-1)
            heard[-2:] = levels[..., 1 - SMOOTH :], smooth[..., 1 - self.history :]
            both = mean_and_least(smooth, self.history)
        return torch.cat(both, dim=1).permute(2, 0, 1).reshape(-1, 2, LOW_BINS + self.groups)

    def _since_silence(self, smooth: Tensor) -> tuple[Tensor, Tensor]:
        """`features.mean_and_least` after silence; a running sum is faster than a long pool."""
        total, frames = smooth.cumsum(-1), min(self.history, len(smooth[0, 0]))
        mean = (total - F.pad(total, (frames, -frames))) / self.history
        return mean, -F.max_pool1d(-F.pad(smooth, (self.history - 1, 0)), self.history, 1)

    def _fold_fine(self) -> None:
        """`features.fine_power` as signs [2, 1, bins] and a matrix: (re, im) of frames to two sums.

        Rows re at k, re above, im at k, im above; columns (re, im) of each frame, newest first.
        """
        signs = torch.stack([torch.ones(LOW_BINS), half_turns(LOW_BINS)])
        signs = signs.unflatten(1, (LOW, LOW_STRIDE)).transpose(1, 2).flatten(1)
        turn = 1j ** torch.arange(FINE)  # a quarter a frame
        sums = torch.stack([torch.ones(FINE), turn]).conj() / FINE  # [2, frames]
        rows = torch.stack([torch.view_as_real(sums), torch.view_as_real(1j * sums)])
        self.register_buffer("fine_signs", signs[:, None])
        self.register_buffer("fine_rows", rows.reshape(2 * 2, 2 * FINE).contiguous())
