"""What the training loop is fed with."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import torch
from torch import Tensor


@dataclasses.dataclass
class Batch:
    """Aligned training audio: `noisy` and `clean` [batch, 1, samples]; `bandwidth` [batch] in Hz.

    Above its `bandwidth` a clip's target holds nothing, and the loss leaves it out. `t` [batch]
    are the timesteps, None for 0.
    """

    noisy: Tensor
    clean: Tensor
    bandwidth: Tensor | None = None
    t: Tensor | None = None

    @staticmethod
    def join(parts: list[Batch]) -> Batch:
        """Return several batches as one."""
        if len(parts) == 1:
            return parts[0]

        def joined(name: str) -> Any:
            columns = [getattr(part, name) for part in parts]
            return None if columns[0] is None else torch.cat(columns)

        return Batch(*(joined(field.name) for field in dataclasses.fields(Batch)))


class BatchSource(Protocol):
    """A pure function of (seed, step): the same step gives the same batch, so resume is exact."""

    def batch(self, step: int) -> Batch:
        """Return the batch of a step, on the training device."""
        ...
