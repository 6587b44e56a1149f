"""Prefetched batches are those that would have been drawn on demand."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from train.data.batches import Batch
from train.mixing.prefetch import Prefetcher


class Numbered:
    """Batches that hold the number of their step; `seen` are the steps that were drawn."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.threads: set[int] = set()

    def batch(self, step: int) -> Batch:
        if step == 13:
            raise ValueError("no batch 13")
        self.seen.append(step)
        self.threads.add(threading.get_ident())
        return Batch(torch.full((1, 1, 4), step), torch.zeros(1, 1, 4))


def test_gives_every_step_its_own_batch_and_draws_none_twice():
    source = Numbered()
    prefetcher = Prefetcher(source, "cpu", depth=2)
    steps = [0, 1, 2, 7, 8]  # a resumed run begins elsewhere
    assert [int(prefetcher.batch(step).noisy[0, 0, 0]) for step in steps] == steps
    assert len(source.seen) == len(set(source.seen))  # none twice
    assert threading.get_ident() not in source.threads


def test_draws_the_next_batches_in_the_background():
    source = Numbered()
    prefetcher = Prefetcher(source, "cpu", depth=2)
    prefetcher.batch(4)
    deadline = time.monotonic() + 10
    while len(source.seen) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert source.seen == [4, 5, 6]


def test_raises_what_drawing_a_step_raised():
    prefetcher = Prefetcher(Numbered(), "cpu", depth=2)
    prefetcher.batch(12)  # 13 fails meanwhile
    with pytest.raises(ValueError, match="no batch 13"):
        prefetcher.batch(13)
