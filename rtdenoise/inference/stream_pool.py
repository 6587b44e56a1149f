"""Many live streams at once, for servers: one call computes a hop of every stream that is due.

stream 3  --feed-->  waiting audio  --+
stream 5  --feed-->  waiting audio  --+-- step: one batch, states on the device --> one hop each
stream 9  (nothing arrived)           |   (slot of stream 9: computed, but its state is held)
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import ArrayLike, NDArray

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError
from .device_memory import is_out_of_memory, largest_that_fits, out_of_memory
from .engines import StreamEngine
from .loading import Model, load_model, open_session
from .slot_batch import SlotBatch
from .slot_graphs import add_due_mask, make_reset_graph

Audio = NDArray[np.float32]
MAX_WAITING = 10 * SAMPLE_RATE  # samples of one stream; feeding more than that is an error


@dataclass
class _Stream:
    """A stream's place and the audio that has been fed but not computed."""

    batch: SlotBatch
    slot: int
    waiting: Audio = field(default_factory=lambda: np.zeros(0, np.float32))


class StreamPool:
    """Denoises up to `capacity` mono streams at 48 kHz together, hop by hop.

    `feed` takes any number of samples; `step` computes one hop of every stream that has at least
    `hop` samples waiting, in one call per batch. A stream with less is left out: its state does not
    move, and the others do not wait. Each stream gets what a stream of its own would get, `delay`
    samples late. The buffers are allocated once, and streams join and leave without rebuilding.

    capacity: streams at once. hop: samples in a step, a multiple of the model's hop.
    batch: slots computed in one call; None takes all. With smaller batches, a pool that is nearly
    empty computes less, because batches in which no stream is due are skipped.

    `feed` may be called from any thread. `step` must always be called from the same thread: CUDA
    graphs are recorded for one. Raises RtdenoiseError for a model that is no stream model, a hop
    that does not fit it, and if the GPU's memory does not hold `capacity` streams.

        >>> pool = StreamPool(capacity=100)
        >>> caller = pool.join()
        >>> pool.feed(caller, samples)
        >>> for stream, denoised in pool.step().items(): ...
        >>> pool.leave(caller)
    """

    def __init__(
        self,
        model: str | Path | Model | None = None,
        capacity: int = 64,
        hop: int = 480,
        batch: int | None = None,
        provider: str = "auto",
        tf32: bool = False,
    ) -> None:
        if not isinstance(model, Model):
            model = load_model(model, "stream", provider, prefer="stream", tf32=tf32)
        if model.card.form != "stream":
            raise RtdenoiseError(
                f"{model.path} is a {model.card.form} model: a pool needs a stream"
            )
        if hop < 1 or hop % model.card.hop or hop > model.card.segment:
            raise RtdenoiseError(
                f"a hop of {hop} samples does not fit the model: "
                f"use a multiple of {model.card.hop} up to {model.card.segment}"
            )
        if capacity < 1 or (batch is not None and batch < 1):
            raise RtdenoiseError("capacity and batch of a pool must be at least 1")
        self.capacity, self.hop, self.delay = capacity, hop, model.card.lookahead
        self.provider = model.provider
        self._streams: dict[int, _Stream] = {}
        self._next = 0
        self._lock, self._feeding = threading.Lock(), threading.Lock()
        self._batches = self._allocate(model, batch)

    def _allocate(self, model: Model, batch: int | None) -> list[SlotBatch]:
        """Return the batches, or raise the error that names the capacity that would fit."""
        initial = StreamEngine(model, 1).initial_states
        masked, reset = add_due_mask(model.path), make_reset_graph(model.path, initial)
        on_cuda = model.provider == "cuda"

        def build(capacity: int) -> list[SlotBatch]:
            size = min(batch or capacity, capacity)
            count = -(-capacity // size)
            sessions = [make_sessions(size) for _ in range(count if on_cuda else 1)] * count
            return [SlotBatch(*made, model.provider, size, self.hop) for made in sessions[:count]]

        def make_sessions(size: int) -> tuple[list[ort.InferenceSession], ort.InferenceSession]:
            shape = {"batch": size, "samples": self.hop}
            networks = [open_session(model, shape, masked) for _ in range(2 if on_cuda else 1)]
            return [networks[0], networks[-1]], open_session(model, shape, reset)

        try:
            return build(self.capacity)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Outside the except clause, whose traceback would keep the buffers of the failed attempt.
        raise out_of_memory(self.capacity, largest_that_fits(self.capacity, build), "capacity")

    def __len__(self) -> int:
        """Return how many streams have joined."""
        return len(self._streams)

    @property
    def nbytes(self) -> int:
        """Bytes of the states and of the audio on the device; weights and scratch are not in it."""
        return sum(batch.nbytes for batch in self._batches)

    def join(self) -> int:
        """Add a stream that begins after silence; returns its key, which is never used again.

        Raises RtdenoiseError if all slots are taken.
        """
        with self._lock:
            free = [batch for batch in self._batches if batch.free]
            if len(self._streams) >= self.capacity or not free:
                raise RtdenoiseError(
                    f"the pool is full: all {self.capacity} slots are taken; "
                    "let a stream leave, or create the pool with a larger capacity"
                )
            batch = min(free, key=lambda batch: len(batch.free))  # the fullest: few batches run
            key, self._next = self._next, self._next + 1
            self._streams[key] = _Stream(batch, batch.take())
            return key

    def leave(self, stream: int) -> None:
        """Remove a stream with the audio that it has waiting; its slot is free at once.

        Its last `delay` samples come out if as many zeros are fed and computed before.
        """
        with self._lock, self._feeding:
            gone = self._find(stream)
            gone.batch.give_back(gone.slot)
            del self._streams[stream]

    def feed(self, stream: int, audio: ArrayLike) -> None:
        """Append mono samples at 48 kHz; NaN and infinite samples count as zeros.

        Raises RtdenoiseError for other shapes and if more than ten seconds would wait.
        """
        samples = np.asarray(audio, np.float32)
        if samples.ndim != 1:
            raise RtdenoiseError(f"a pool takes mono audio [samples], not {list(samples.shape)}")
        # A sum is NaN or infinite if a sample is, and takes half the time of a test of all.
        if not math.isfinite(np.add.reduce(samples, dtype=np.float64)):
            samples = np.where(np.isfinite(samples), samples, np.float32(0))
        with self._feeding:
            target = self._find(stream)
            if len(target.waiting) + len(samples) > MAX_WAITING:
                raise RtdenoiseError(
                    f"stream {stream} has {len(target.waiting) / SAMPLE_RATE:.1f} s waiting: "
                    "call step more often, or feed less at a time"
                )
            if len(target.waiting):
                target.waiting = np.concatenate([target.waiting, samples])
            else:
                target.waiting = samples.copy()

    def waiting(self, stream: int) -> int:
        """Return how many samples of a stream are fed but not computed."""
        with self._feeding:
            return len(self._find(stream).waiting)

    def step(self) -> dict[int, Audio]:
        """Compute one hop of each stream that is due; returns [hop] samples by stream.

        An empty result means that no stream had a hop waiting.
        """
        with self._lock:
            due = self._take_hops()
            for batch in {id(stream.batch): stream.batch for stream in due.values()}.values():
                batch.run()
            return {key: stream.batch.output(stream.slot) for key, stream in due.items()}

    def _take_hops(self) -> dict[int, _Stream]:
        """Move a hop of each stream that has one to its slot."""
        with self._feeding:
            due = {k: s for k, s in self._streams.items() if len(s.waiting) >= self.hop}
            for stream in due.values():
                stream.batch.put(stream.slot, stream.waiting[: self.hop])
                stream.waiting = stream.waiting[self.hop :]
            return due

    def _find(self, stream: int) -> _Stream:
        if stream not in self._streams:
            raise RtdenoiseError(f"no stream {stream} in the pool: it has left or never joined")
        return self._streams[stream]
