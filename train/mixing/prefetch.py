"""Batches are prefetched while a step trains, so that a GPU does not wait for them.

    this thread and stream    |  train on 0  |  train on 1  |  train on 2  |
    another thread and stream | draw 1 |       draw 2 |       draw 3 |

Mixing launches a few thousand small kernels and synchronises in between. On the stream of the
training step it would queue behind that step.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from ..data import Batch, BatchSource


class Prefetcher:
    """Gives the batches of `source` and draws the next `depth` of them in the background."""

    def __init__(self, source: BatchSource, device: str, depth: int = 2) -> None:
        self._source, self._depth = source, depth
        self._stream = None
        if device.startswith("cuda"):  # of high priority: its kernels are small
            self._stream = torch.cuda.Stream(device, priority=-1)
        self._thread = ThreadPoolExecutor(1, "batches")
        self._drawn: dict[int, Future[Batch]] = {}

    def batch(self, step: int) -> Batch:
        """Return the batch of a step. Raises what drawing it raised."""
        wanted = range(step, step + 1 + self._depth)
        for number in wanted:
            if number not in self._drawn:
                self._drawn[number] = self._thread.submit(self._draw, number)
        batch = self._drawn[step].result()
        self._drawn = {n: self._drawn[n] for n in wanted if n != step}
        return self._hand_over(batch)

    def _draw(self, step: int) -> Batch:
        if self._stream is None:
            return self._source.batch(step)
        with torch.cuda.stream(self._stream):
            batch = self._source.batch(step)
            self._stream.synchronize()
            return batch

    def _hand_over(self, batch: Batch) -> Batch:
        """Record the reading stream, or the allocator would reuse the memory too early."""
        if self._stream is not None:
            for field in dataclasses.fields(batch):
                value = getattr(batch, field.name)
                if isinstance(value, Tensor):
                    value.record_stream(torch.cuda.current_stream(value.device))
        return batch
