"""Speech to denoise, drawn speaker by speaker, and made into the speech of further speakers."""

from __future__ import annotations

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

from ..data import Bank
from .floors import cut_free, with_floor
from .pauses import begin_late, insert_pauses
from .recipe import Recipe
from .segment_sampler import cut
from .synthetic_noise import Draw
from .voices import draw_factors, move_formants
from .weights import full_band_runs, speaker_weights

# Playing speech faster or slower makes new talkers of few recordings.
SPEECH_RATES = 0.8, 1.25


class Talkers:
    """Draws speech [count, length] from a bank, between the two factors `rates` as fast."""

    def __init__(
        self,
        bank: Bank,
        length: int,
        recipe: Recipe,
        rates: tuple[float, float] = SPEECH_RATES,
    ) -> None:
        self.bank, self.length, self.recipe, self.rates = bank, length, recipe, rates
        self.speakers = speaker_weights(bank, recipe.sources)
        self.full_band = self.speakers * full_band_runs(bank)

    def speech(self, draw: Draw, noisy: Tensor) -> tuple[Tensor, Tensor]:
        """Return speech [batch, length] and up to where it is known, Hz [batch].

        Pauses are for clips that get noise, bool [batch]: in others, silence beside a recording
        with a floor of its own would teach that a floor is noise.
        """
        speech, bandwidth = self.cuts(draw, len(noisy))
        for share, with_pause in (
            (self.recipe.pauses, insert_pauses),
            (self.recipe.lead, begin_late),
        ):
            rows = (draw.chance(share, len(noisy)) & noisy).nonzero()[:, 0]
            if len(rows):
                speech[rows] = with_pause(draw, speech[rows])
        rows = draw.chance(self.recipe.formants, len(noisy)).nonzero()[:, 0]
        if len(rows):
            factor = draw_factors(draw, len(rows))
            speech[rows] = move_formants(speech[rows], factor)
            bandwidth[rows] *= factor.clamp(max=1)  # moved up, the top is not known
        with_floor(draw, speech, noisy, self.recipe)
        cut_free(draw, speech, ~noisy, self.recipe)
        return speech, bandwidth

    def cuts(self, draw: Draw, count: int) -> tuple[Tensor, Tensor]:
        """Return speech of drawn speakers as recorded, or faster or slower, and its bandwidth."""
        pick = self._draw_runs(draw, count)
        starts = self.bank.run_starts[pick]
        region = starts, self.bank.run_ends[pick] - starts
        speech, index, rate = cut(self.bank, region, self.rates, self.length, draw)
        clip = torch.searchsorted(self.bank.starts, index, right=True) - 1  # which were joined?
        bandwidth = self.bank.bandwidths[clip].amin(-1).to(draw.device) * rate[:, 0]
        return speech, bandwidth.clamp(max=SAMPLE_RATE / 2)

    def _draw_runs(self, draw: Draw, count: int) -> Tensor:
        """Draw runs [count], a fixed share of them from speakers with the top octave."""
        wanted = self.recipe.full_band * count
        reserved = int(wanted) + int(draw.chance(wanted % 1, 1))
        if not reserved or not self.full_band.any():
            return draw.choice(self.speakers, count).cpu()
        picks = [draw.choice(self.full_band, reserved)]
        if count > reserved:
            picks.append(draw.choice(self.speakers, count - reserved))
        return torch.cat(picks).cpu()
