"""Fine-tuning: on the user's mixtures, and on others' mixtures, for which the output shall stay.

The network keeps its running averages (`Norm` in eval mode): the moments of one voice in one room
would replace those of all voices. Afterwards the weights are averaged with those before, by the
share that serves the user best without harm to others (Wortsman et al., Robust fine-tuning of
zero-shot models, arXiv:2109.01903).
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Sequence

import torch
from torch import nn

from rtdenoise.constants import SAMPLE_RATE

from ..data import Bank, Batch, BatchSource, Corpus
from ..losses import MultiResolutionLoss
from ..mixing import Degrader, Recipe
from ..networks import DenoisingNetwork, mean_network, zero_timestep
from ..optim import make_optimizer

SEGMENT = 96_000  # samples of a training clip, 2 s
OWN, OTHERS = 4, 3  # clips in a step
# Base learning rate of Muon in a run of STEPS. In a shorter or longer run it changes with the root
# of the steps, so that the weights end at a like distance from the bundled ones.
RATE, STEPS, HIGHEST_RATE = 6e-4, 1000, 5e-3
WARM_UP = 0.05  # share of the run in which the rate rises; then it falls linearly to zero
CLIP = 1.0  # largest norm of the gradient
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the new weights that are tried
# The user's mixtures: little is changed, because this voice and this room are what it is for.
OWN_RECIPE = Recipe(
    recorded=1,
    synthesised=0.15,
    babble=0,  # there is no other voice
    formants=0.1,
    effort=0.2,
    speech_eq=0.3,
    noise_eq=0.3,
    room=0.15,
    low_pass=0.05,
    rumble=0.1,
    pulsing=0.1,
    reversed=0,
    shifted=0,
    clipped=0.03,
    floor=0.3,
    full_band=0,
    music=1,
    snr=((-5.0, 5.0, 0.5), (5.0, 15.0, 0.35), (15.0, 30.0, 0.15)),
)
# The user's voice altered so that it stands in for others. Speed, and with it pitch, changes too.
ALTERED_RECIPE = Recipe(
    recorded=0, synthesised=1, formants=0.9, effort=0.6, speech_eq=0.6, room=0.3, full_band=0
)
OWN_SPEECH_RATES, OWN_NOISE_RATES = (0.93, 1.07), (0.85, 1.18)


def own_mixtures(speech: Bank, noise: Bank, seed: int, size: int = OWN) -> Degrader:
    """Return the source of the user's training mixtures."""
    return Degrader(
        Corpus(speech, noise, Bank.empty()),
        size,
        SEGMENT,
        seed,
        recipe=OWN_RECIPE,
        speech_rates=OWN_SPEECH_RATES,
        noise_rates=OWN_NOISE_RATES,
    )


def other_mixtures(
    speech: Bank, others: Corpus | None, seed: int, size: int = OTHERS
) -> BatchSource:
    """Return the source of mixtures for which the output shall stay.

    They are of others, where there are recordings of them. Otherwise the user's voice stands in
    for other voices: its pitch and its formants moved, with synthesised noise.
    """
    if others is not None:
        return Degrader(others, size, SEGMENT, seed + 1)
    corpus = Corpus(speech, Bank.empty(), Bank.empty())
    return Degrader(corpus, size, SEGMENT, seed + 1, recipe=ALTERED_RECIPE)


class Distilled:
    """The mixtures of `source` with the output of `teacher` as the target.

    What the network did with others it shall do further on (Li and Hoiem, Learning without
    Forgetting, arXiv:1606.09282). Towards the clean speech, these few clips would pull it somewhere
    else; towards its own output, the gradient is zero at the beginning.
    """

    def __init__(self, source: BatchSource, teacher: DenoisingNetwork, bf16: bool) -> None:
        self.source, self.teacher, self.bf16 = source, teacher, bf16

    @torch.no_grad()
    def batch(self, step: int) -> Batch:
        """Return the batch of a step."""
        batch = self.source.batch(step)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            target = self.teacher(batch.noisy, zero_timestep(len(batch.noisy))).float()
        return Batch(batch.noisy, target, torch.full((len(target),), SAMPLE_RATE / 2))


class Tuner:
    """Trains a copy of `network` on batches that are joined from all `sources`."""

    def __init__(
        self, network: DenoisingNetwork, sources: Sequence[BatchSource], bf16: bool, seed: int = 0
    ) -> None:
        self.network = copy.deepcopy(network).eval()
        self.sources, self.bf16, self.seed = sources, bf16, seed
        self.loss = MultiResolutionLoss(bf16=bf16)
        self.optimizer = make_optimizer("muon", self.network, RATE, 0.0, bf16)
        self.step = 0

    def run(self, progress: Callable[[int], float], report: Callable[[float], None]) -> None:
        """Take steps until `progress(step)`, which also sets the learning rate, reaches 1."""
        while (done := progress(self.step)) < 1:
            rate = learning_rate(done, total=(self.step + 1) / (done + 1e-3))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self._step()
            report(done)

    def _step(self) -> None:
        batch = Batch.join([source.batch(self.step) for source in self.sources])
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        t = zero_timestep(len(batch.noisy))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            estimate = self.network(batch.noisy, t).float()
        loss = self.loss(estimate, batch.clean, batch.bandwidth, generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        if norm.isfinite():
            self.optimizer.step()
        self.step += 1


def learning_rate(done: float, total: float) -> float:
    """Return the learning rate when a share `done` of about `total` steps is done."""
    rate = min(HIGHEST_RATE, RATE * (STEPS / total) ** 0.5)
    return rate * min(1.0, (done + 1e-3) / WARM_UP, (1 - done) / (1 - WARM_UP))


def for_steps(count: int) -> Callable[[int], float]:
    """Return the progress of a run of so many steps, which can be repeated exactly."""
    return lambda step: step / count


def for_seconds(seconds: float) -> Callable[[int], float]:
    """Return the progress of a run that lasts so long."""
    started = time.monotonic()
    return lambda _: (time.monotonic() - started) / seconds


def average(before: DenoisingNetwork, after: DenoisingNetwork, share: float) -> DenoisingNetwork:
    """Return a network with `share` of the weights of `after` and the rest of `before`."""
    return mean_network([before, after], [1 - share, share])


@dataclasses.dataclass
class Choice:
    """A share of the new weights, and what the user gains and others gain in quality."""

    share: float
    own: float
    others: float


def choose(tried: Sequence[Choice], least: float) -> Choice | None:
    """Return the share with the largest own gain among those where others gain `least` or more."""
    allowed = [choice for choice in tried if choice.others >= least and choice.own > 0]
    return max(allowed, key=lambda choice: choice.own, default=None)


def has_bf16() -> bool:
    """Return whether the CPU computes in bfloat16, which halves the time of a step."""
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())
