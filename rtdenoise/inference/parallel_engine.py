"""The engine for files: long blocks are split into chunks that are computed in parallel.

    block     |-------- chunk 0 --------|---- chunk 1 ----|---- chunk 2 ----|
    thread 0  |=========================|
    thread 1                    |warm-up|=================|
    thread 2                                      |warm-up|=================|

An output sample depends on at most `context` past samples. So a chunk whose engine has first
processed `context + lookahead` samples before it gives exactly the samples of a single pass.
"""

from __future__ import annotations

import math
import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from .device_memory import is_out_of_memory, out_of_memory
from .engines import Engine, StreamEngine, make_engine
from .loading import Model

Audio = NDArray[np.float32]
MAX_WORKERS = 8
BATCH_SECONDS = 4  # audio per chunk of a batch on a GPU


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ParallelStreamEngine:
    """Like `StreamEngine`, with long blocks split over threads (CPU) or over a batch (GPU).

    `workers` is the number of threads; None takes one per core, at most MAX_WORKERS.
    """

    def __init__(self, model: Model, channels: int, workers: int | None = None) -> None:
        card = model.card
        self._model, self.channels = model, channels
        self._main = StreamEngine(model, channels)
        self.hop, self.delay = self._main.hop, self._main.delay
        self._warm_up = math.ceil((card.context + card.lookahead) / card.hop) * card.hop
        self._use_batch = model.provider == "cuda"
        self._workers = workers or min(MAX_WORKERS, available_cores())
        self._helpers: list[StreamEngine] = []
        self._batch_engines: dict[int, StreamEngine] = {}  # by the number of rows
        self._max_rows = sys.maxsize
        self._pool = ThreadPoolExecutor(max(1, self._workers - 1), "rtdenoise chunk")

    def reset(self) -> None:
        """Return to the state after silence."""
        self._main.reset()

    def step(self, block: Audio) -> Audio:
        """Denoise [channels, k * hop]; returns the same shape, `delay` samples late."""
        return self._step_batch(block) if self._use_batch else self._step_threads(block)

    def _step_threads(self, block: Audio) -> Audio:
        hops = block.shape[1] // self.hop
        # A chunk shorter than its warm-up would cost more than it saves.
        chunks = min(self._workers, hops * self.hop // (2 * self._warm_up))
        if chunks < 2:
            return self._main.step(block)
        while len(self._helpers) < chunks - 1:
            self._helpers.append(StreamEngine(self._model, self.channels))
        warm_up = self._warm_up // self.hop
        share = (hops + (chunks - 1) * warm_up) / chunks  # hops per thread, with the warm-up
        ends = [round(i * share - (i - 1) * warm_up) * self.hop for i in range(1, chunks + 1)]
        tasks = [
            self._pool.submit(self._run_chunk, engine, block, start, end)
            for engine, start, end in zip(self._helpers, ends[:-1], ends[1:], strict=False)
        ]
        out = [self._main.step(block[:, : ends[0]]), *(task.result() for task in tasks)]
        self._main.copy_state_from(self._helpers[chunks - 2])
        return np.concatenate(out, axis=1)

    def _run_chunk(self, engine: StreamEngine, block: Audio, start: int, end: int) -> Audio:
        engine.step(block[:, start - self._warm_up : start])
        return engine.step(block[:, start:end])

    def _step_batch(self, block: Audio) -> Audio:
        """Run equal chunks as one batch, and the remainder with the carried state."""
        length = BATCH_SECONDS * SAMPLE_RATE // self.hop * self.hop
        chunks = (block.shape[1] - self._warm_up) // length
        if chunks < 2:
            return self._main.step(block)
        head = self._main.step(block[:, : self._warm_up])
        view = np.lib.stride_tricks.sliding_window_view(block, self._warm_up + length, axis=1)
        batch = view[:, ::length][:, :chunks]  # [channels, chunks, samples]
        rows = np.ascontiguousarray(batch).reshape(self.channels * chunks, -1)
        out = self._run_rows(rows)[:, self._warm_up :].reshape(self.channels, -1)
        end = self._warm_up + chunks * length
        self._main.step(block[:, end - self._warm_up : end])
        return np.concatenate([head, out, self._main.step(block[:, end:])], axis=1)

    def _run_rows(self, rows: Audio) -> Audio:
        """Run [rows, samples] as one batch, or as several if the GPU's memory holds no more."""
        if len(rows) > self._max_rows:
            parts = [rows[i : i + self._max_rows] for i in range(0, len(rows), self._max_rows)]
            return np.concatenate([self._run_rows(part) for part in parts])
        try:
            if len(rows) not in self._batch_engines:
                self._batch_engines[len(rows)] = StreamEngine(self._model, len(rows))
            engine = self._batch_engines[len(rows)]
            engine.reset()
            return engine.step(rows)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        self._batch_engines.pop(len(rows), None)  # its buffers, for the smaller batch
        if len(rows) == 1:
            raise out_of_memory(1, 0)
        self._max_rows = len(rows) // 2
        warnings.warn(
            f"the GPU's memory does not hold a batch of {len(rows)} pieces of {BATCH_SECONDS} s: "
            f"trying {self._max_rows} at a time",
            stacklevel=2,
        )
        return self._run_rows(rows)


def make_file_engine(model: Model, workers: int | None, channels: int) -> Engine:
    """Return the engine for files and arrays; `workers` as in `ParallelStreamEngine`."""
    if model.card.form == "stream" and model.card.fits_segment:
        return ParallelStreamEngine(model, channels, workers)
    return make_engine(model, channels)
