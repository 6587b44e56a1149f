"""The meaning of t: noise is added to the network's input, more for larger t, none at t = 0."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data import Batch, BatchSource

STEPS = 1000
PEAK = 0.5  # noise at t = STEPS - 1, relative to the recording's level


class NoiseSchedule:
    """Variance schedule: the added noise's standard deviation grows as t squared.

    t = 0 is the recording as it came, which is why every export fixes the timestep there.
    """

    def __init__(self, steps: int = STEPS, peak: float = PEAK, share: float = 0.02) -> None:
        self.steps, self.peak, self.share = steps, peak, share

    def sigma(self, t: Tensor) -> Tensor:
        """Relative standard deviation [batch] of the noise added at timesteps t [batch]."""
        return self.peak * (t.float() / max(1, self.steps - 1)).square()

    def draw(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw timesteps [batch]: 0 for most clips, uniform for `share` of them."""
        device = generator.device
        t = torch.randint(self.steps, (batch,), generator=generator, device=device)
        use = torch.rand(batch, generator=generator, device=device) < self.share
        return t * use

    def add_noise(self, audio: Tensor, t: Tensor, generator: torch.Generator) -> Tensor:
        """Return audio [batch, 1, samples] with Gaussian noise of the timestep's level added."""
        level = audio.square().mean((1, 2)).sqrt() * self.sigma(t)
        noise = torch.randn(audio.shape, generator=generator, device=audio.device)
        return audio + level[:, None, None] * noise


class ConditionedBatches:
    """Batches with timesteps; with a `schedule` their input gets the noise of its timestep too."""

    def __init__(
        self, source: BatchSource, schedule: NoiseSchedule | None, steps: int, seed: int
    ) -> None:
        self._source, self._schedule, self._steps, self._seed = source, schedule, steps, seed

    def batch(self, step: int) -> Batch:
        """Return the batch of a step, a pure function of (seed, step)."""
        batch = self._source.batch(step)
        audio = batch.noisy
        generator = torch.Generator(audio.device).manual_seed(self._seed * 1_000_003 + step)
        if self._schedule:
            t = self._schedule.draw(len(audio), generator)
            audio = self._schedule.add_noise(audio, t, generator)
        else:
            shape, device = (len(audio),), audio.device
            t = torch.randint(self._steps, shape, generator=generator, device=device)
        return Batch(audio, batch.clean, batch.bandwidth, t)
