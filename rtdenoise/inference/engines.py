"""The engines: `SegmentEngine` runs 1-second segments, `StreamEngine` carries the network's state.

Both take whole hops at 48 kHz and return as many samples, `delay` samples late, with the same
result. Channels form a batch. Before the first block the input was digital silence.
"""

from __future__ import annotations

import copy
import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .fixed_shape_session import FixedShapeSession, run_in_chunks
from .loading import Model
from .rolling_engine import RollingEngine

Audio = NDArray[np.float32]
CROSSFADE = 480  # samples, for networks whose context is longer than a segment


class Engine(Protocol):
    """The interface that the processor needs."""

    hop: int  # samples; block lengths are multiples of it
    delay: int  # samples by which the output lags the input
    channels: int

    def step(self, block: Audio) -> Audio:
        """Denoise [channels, k * hop]; returns the same shape, `delay` samples late."""
        ...

    def reset(self) -> None:
        """Return to the state after digital silence."""
        ...


class SegmentEngine:
    """Runs the last second of audio for each hop and returns only the newest samples.

    A longer block is run in steps of as many hops as fit. For models without a rolling form.

    window  |------------------ 1 s ------------------|
    needed  |  context  |   hop   |  lookahead  |
    output              |   hop   |
    """

    def __init__(self, model: Model, channels: int, hop: int | None = None) -> None:
        card = model.card
        self.channels, self._segment = channels, card.segment
        self.fixed_session = FixedShapeSession(model, channels, card.segment)
        room = card.segment - card.context - card.lookahead
        max_hop = max(room, card.segment // 2 if not card.fits_segment else card.hop)
        self.hop = hop or max_hop // card.hop * card.hop
        if self.hop % card.hop or not 0 < self.hop <= max_hop:
            raise RtdenoiseError(
                f"a hop of {self.hop} samples does not fit the model: "
                f"use a multiple of {card.hop} up to {max_hop // card.hop * card.hop}"
            )
        self._max_block = max_hop // self.hop * self.hop
        self._fade = 0 if card.fits_segment else min(CROSSFADE, card.segment - self._max_block)
        self._lookahead = card.lookahead
        self.delay = card.lookahead + self._fade
        self._ramp = np.linspace(0, 1, self._fade, dtype=np.float32)
        self.reset()

    def reset(self) -> None:
        """Fill the window with silence."""
        self.fixed_session.audio[:] = 0
        self._tail = np.zeros((self.channels, self._fade), np.float32)

    def step(self, block: Audio) -> Audio:
        """Denoise [channels, k * hop]; returns the same shape, `delay` samples late."""
        return run_in_chunks(block, self._max_block, self._advance)

    def _advance(self, block: Audio) -> Audio:
        hop, window = block.shape[1], self.fixed_session.audio
        window[:, :-hop] = window[:, hop:]
        window[:, -hop:] = block
        end = self._segment - self._lookahead
        newest = self.fixed_session.run()[:, end - hop - self._fade : end].copy()
        if self._fade:
            newest[:, : self._fade] += (1 - self._ramp) * (self._tail - newest[:, : self._fade])
            self._tail = newest[:, hop:]
        return newest[:, :hop]


class StreamEngine:
    """Carries the network's state from hop to hop; each sample is computed once.

    Blocks of `fixed_block` samples run with fixed shapes, which is faster; None for no such size.
    """

    def __init__(self, model: Model, channels: int, fixed_block: int | None = None) -> None:
        card, self._session, self.channels = model.card, model.session, channels
        self.fixed_session: FixedShapeSession | None = None
        self.hop, self.delay, self._max_block = card.hop, card.lookahead, card.segment
        self._inputs = [i.name for i in self._session.get_inputs()[1:]]
        outputs = [o.name for o in self._session.get_outputs()]
        if len(outputs) != len(self._inputs) + 1:
            raise RtdenoiseError(f"{model.path} is not a stream model: export it again")
        shapes = [i.shape for i in self._session.get_inputs()[1:]]
        self._states = [
            np.zeros([n if isinstance(n, int) else channels for n in shape], np.float32)
            for shape in shapes
        ]
        # All zeros is not the state after silence, because biases are not zero.
        silence = math.ceil(card.context / card.hop) * card.hop
        self.step(np.zeros((channels, silence), np.float32))
        self._initial_states = self._states
        if fixed_block:
            self.fixed_session = FixedShapeSession(model, channels, fixed_block)
            self._fixed_block = fixed_block
            self.reset()

    def reset(self) -> None:
        """Return to the state after silence."""
        self._states = self._initial_states  # never written to, so no copy is needed
        if self.fixed_session:
            self.fixed_session.states = self._initial_states

    @property
    def initial_states(self) -> list[NDArray[np.float32]]:
        """The network's states after silence, with which a stream begins."""
        return self._initial_states

    def copy_state_from(self, other: StreamEngine) -> None:
        """Continue from the state of `other`."""
        self._states = other._states

    def step(self, block: Audio) -> Audio:
        """Denoise [channels, k * hop]; returns the same shape, `delay` samples late."""
        return run_in_chunks(block, self._max_block, self._run)

    def _run(self, block: Audio) -> Audio:
        if not self.fixed_session:
            return self._run_any_length(block)
        if block.shape[1] == self._fixed_block:
            self.fixed_session.audio[:] = block
            return self.fixed_session.run().copy()
        self._states = self.fixed_session.states
        out = self._run_any_length(block)
        self.fixed_session.states = self._states
        return out

    def _run_any_length(self, block: Audio) -> Audio:
        feed = dict(zip(self._inputs, self._states, strict=True), audio=block[:, None])
        out, *self._states = self._session.run(None, feed)
        return out[:, 0]


def make_engine(
    model: Model, channels: int, hop: int | None = None
) -> StreamEngine | RollingEngine | SegmentEngine:
    """Return the engine for the model's form; `hop` is that of live audio, None for files."""
    if model.card.form == "stream":
        return StreamEngine(model, channels, fixed_block=hop)
    if model.card.form == "rolling":
        return RollingEngine(model, channels, hop)
    return SegmentEngine(model, channels, hop)


def twin_engine(engine: StreamEngine | RollingEngine | SegmentEngine) -> Engine:
    """Return another engine, after silence, for another stream or thread.

    On the CPU it shares the sessions of `engine`, so that it costs little time and memory.
    """
    twin = copy.copy(engine)
    if engine.fixed_session:
        twin.fixed_session = engine.fixed_session.twin()
    twin.reset()
    return twin
