"""The engine for files: long blocks cut into pieces that are computed side by side.

    block   |-------- piece 0 --------|---- piece 1 ----|---- piece 2 ----|
    run 0   |=========================|
    run 1                     |warm-up|=================|
    run 2                                       |warm-up|=================|

An output sample depends on `context` past samples and no more, so a piece that has first heard
that much of what lies before it (and the look-ahead, by which the output lags) gives the very
samples one pass over the file would give.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from .engines import StreamEngine
from .loading import Model

Audio = NDArray[np.float32]
MOST_WORKERS = 8
BATCH_SECONDS = 4  # audio per piece of a batch on a GPU


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class PiecesEngine:
    """Carried state like `StreamEngine`, with long blocks spread over threads, or over a batch.

    `workers` None takes all cores. On a GPU the pieces form one batch instead.
    """

    def __init__(self, model: Model, channels: int, workers: int | None = None) -> None:
        card = model.card
        self._model, self.channels = model, channels
        self._main = StreamEngine(model, channels)
        self.hop, self.delay = self._main.hop, self._main.delay
        self._warm_up = math.ceil((card.context + card.lookahead) / card.hop) * card.hop
        self._batched = model.provider == "cuda"
        self._workers = workers or min(MOST_WORKERS, available_cores())
        self._helpers: list[StreamEngine] = []
        self._batches: dict[int, StreamEngine] = {}  # by the number of pieces
        self._pool = ThreadPoolExecutor(max(1, self._workers - 1), "rtdenoise piece")

    def reset(self) -> None:
        """Return to the state after silence."""
        self._main.reset()

    def step(self, block: Audio) -> Audio:
        """Denoise [channels, k * hop]; the same shape back, `delay` samples late."""
        if self._batched:
            return self._step_batch(block)
        hops = block.shape[1] // self.hop
        # A piece shorter than its warm-up would cost more than it saves.
        pieces = min(self._workers, hops * self.hop // (2 * self._warm_up))
        if pieces < 2:
            return self._main.step(block)
        while len(self._helpers) < pieces - 1:
            self._helpers.append(StreamEngine(self._model, self.channels))
        warm = self._warm_up // self.hop
        share = (hops + (pieces - 1) * warm) / pieces  # hops of each run, warm-up included
        edges = [0, *(round(i * share - (i - 1) * warm) * self.hop for i in range(1, pieces + 1))]
        later = [
            self._pool.submit(self._piece, engine, block, start, end)
            for engine, start, end in zip(self._helpers, edges[1:-1], edges[2:], strict=False)
        ]
        out = [self._main.step(block[:, : edges[1]]), *(task.result() for task in later)]
        self._main.take_state(self._helpers[pieces - 2])
        return np.concatenate(out, axis=1)

    def _piece(self, engine: StreamEngine, block: Audio, start: int, end: int) -> Audio:
        engine.step(block[:, start - self._warm_up : start])
        return engine.step(block[:, start:end])

    def _step_batch(self, block: Audio) -> Audio:
        """One run over equal pieces as a batch; the remainder carries the state on."""
        length = BATCH_SECONDS * 48_000 // self.hop * self.hop
        pieces = (block.shape[1] - self._warm_up) // length
        if pieces < 2:
            return self._main.step(block)
        head = self._main.step(block[:, : self._warm_up])
        view = np.lib.stride_tricks.sliding_window_view(block, self._warm_up + length, axis=1)
        batch = view[:, ::length][:, :pieces]  # [channels, pieces, samples]
        if pieces not in self._batches:
            self._batches[pieces] = StreamEngine(self._model, self.channels * pieces)
        engine = self._batches[pieces]
        engine.reset()
        rows = np.ascontiguousarray(batch).reshape(self.channels * pieces, -1)
        out = engine.step(rows)[:, self._warm_up :].reshape(self.channels, -1)
        end = self._warm_up + pieces * length
        self._main.step(block[:, end - self._warm_up : end])
        return np.concatenate([head, out, self._main.step(block[:, end:])], axis=1)
