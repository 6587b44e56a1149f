"""The ring buffer between two threads."""

from __future__ import annotations

import numpy as np

from rtdenoise.live.ring_buffer import RingBuffer


def test_ring_wraps_counts_and_discards():
    ring, out = RingBuffer(10, 1), np.zeros((4, 1), np.float32)
    numbers = np.arange(100, dtype=np.float32)[:, None]
    got: list[float] = []
    for i in range(0, 100, 3):
        ring.write(numbers[i : i + 3])
        count = ring.read_into(out)
        got += out[:count, 0].tolist()
    assert got == numbers[:, 0].tolist() and ring.dropped == 0
    assert ring.write(numbers[:12]) == 10 and ring.dropped == 2
    assert ring.discard(7) == 7 and len(ring) == 3
    assert ring.read_into(out) == 3 and out[:3, 0].tolist() == [7, 8, 9]
