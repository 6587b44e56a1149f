"""On-the-fly degradation: clean speech to what microphones deliver, as batched tensor code.

    speech -> EQ -> room (target: its early part) -> low-pass \
    noises -> EQ ---------------------------------> low-pass -> SNR -> rumble -> level -> clipping

Speech is high-passed, in the target as well: below 50 Hz there is no voice, and the network learns
to remove what there is. With `high_pass` 0 it learns to keep the recording's own rumble. SNR counts
what lies above 80 Hz, as the tests measure it. A pause may be inserted into noisy speech first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

from ..data import Batch, Corpus
from .filters import PREROLL, Filters
from .mixture import Alone, mix
from .noises import NOISE_RATES, Noises
from .recipe import Recipe
from .synthetic_noise import Draw
from .talkers import SPEECH_RATES, Talkers

LATEST_START = 1.0  # seconds


class Degrader:
    """Draws (noisy, clean) batches from a corpus; a pure function of (seed, step).

    `batch` clips of `segment` samples each; `recipe` says how many of them suffer what. Some play
    faster or slower, between the two factors of `speech_rates` and `noise_rates`.
    """

    def __init__(
        self,
        corpus: Corpus,
        batch: int,
        segment: int = 2 * SAMPLE_RATE,
        seed: int = 0,
        device: torch.device | str = "cpu",
        recipe: Recipe = Recipe(),  # noqa: B008 (frozen)
        speech_rates: tuple[float, float] = SPEECH_RATES,
        noise_rates: tuple[float, float] = NOISE_RATES,
    ) -> None:
        self.size, self.segment, self.seed = batch, segment, seed
        self.device, self.recipe = device, recipe
        banks, length = corpus.to(device), segment + PREROLL
        self.talkers = Talkers(banks.clean, length, recipe, speech_rates)
        self.noises = Noises(banks.noise, length, recipe, noise_rates)
        self.filters = Filters(banks.rir, length, recipe, seed, device)

    def batch(self, step: int) -> Batch:
        """Return the batch of a training step: noisy and clean [batch, 1, segment]."""
        draw = Draw(self.seed * 1_000_003 + step, self.device)
        alone = Alone.draw(draw, self.size, self.recipe)
        speech, bandwidth = self.talkers.speech(draw, ~alone.speech[:, 0])
        noise, babble = self.noises.draw(draw, self.size, self.talkers)
        filtered = self.filters.apply(draw, speech, noise)
        noisy, target = mix(draw, filtered, babble, alone, self.recipe)
        begun = self._begin(draw)
        noisy, target = noisy * begun, target * begun
        # Above a limit within the recording's bandwidth both are empty, so all of it is known, and
        # so is a target that is silence.
        known = (filtered.top <= bandwidth) | alone.noise[:, 0]
        bandwidth = torch.where(known, SAMPLE_RATE / 2, bandwidth)
        return Batch(noisy[:, None], target[:, None], bandwidth)

    def _begin(self, draw: Draw) -> Tensor:
        """Return 0 before and 1 after the recording begins, [batch, segment].

        At run time digital silence precedes a recording. A network that was not trained on it
        starts with a wrong state, which lasts as long as its context.
        """
        latest = min(LATEST_START, 0.4 * self.segment / SAMPLE_RATE)
        begin = draw.uniform(0, latest, self.size, 1) * draw.chance(self.recipe.late, self.size, 1)
        return torch.arange(self.segment, device=self.device) >= begin * SAMPLE_RATE
