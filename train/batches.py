"""What the training loop is fed with."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from torch import Tensor


@dataclasses.dataclass
class Batch:
    """Aligned training audio: `noisy` and `clean` [batch, 1, samples]; `bandwidth` [batch] in Hz.

    Above its `bandwidth` a clip's target holds nothing, and the loss leaves it out.
    """

    noisy: Tensor
    clean: Tensor
    bandwidth: Tensor | None = None


class BatchSource(Protocol):
    """A pure function of (seed, step): the same step gives the same batch, so resume is exact."""

    def batch(self, step: int) -> Batch:
        """Return the batch of a step, on the training device."""
        ...
