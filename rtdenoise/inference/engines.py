"""Two engines, one answer: rolling 1-second segments, or carried state.

Both take whole hops at 48 kHz and give as many samples back, `delay` samples late. Channels are
a batch. Before a recording there is digital silence.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .bound_session import BoundSession, in_pieces
from .loading import Model
from .rolling_engine import RollingEngine

Audio = NDArray[np.float32]
CROSSFADE = 480  # samples, for networks that see more than a segment


class Engine(Protocol):
    """What the processor needs of an engine."""

    hop: int  # samples; blocks are whole multiples of it
    delay: int  # samples the output lags the input
    channels: int

    def step(self, block: Audio) -> Audio:
        """Denoise [channels, k * hop]; the same shape back, `delay` samples late."""
        ...

    def reset(self) -> None:
        """Forget everything: digital silence came before."""
        ...


class SegmentEngine:
    """Runs the last second for each hop, or as many hops as fit, and plays only the newest.

    For models without a rolling form; any network has a segment form.

    ring    |------------------ 1 s ------------------|
    needed  |  context  |   hop   |  lookahead  |
    played              |   hop   |
    """

    def __init__(self, model: Model, channels: int, hop: int | None = None) -> None:
        card = model.card
        self.channels, self._segment = channels, card.segment
        self.bound = BoundSession(model, channels, card.segment)
        room = card.segment - card.context - card.lookahead
        widest = max(room, card.segment // 2 if not card.fits_segment else card.hop)
        self.hop = hop or widest // card.hop * card.hop
        if self.hop % card.hop or not 0 < self.hop <= widest:
            raise RtdenoiseError(
                f"a hop of {self.hop} samples does not fit the model: "
                f"use a multiple of {card.hop} up to {widest // card.hop * card.hop}"
            )
        self._widest = widest // self.hop * self.hop
        self._fade = 0 if card.fits_segment else min(CROSSFADE, card.segment - self._widest)
        self._lookahead = card.lookahead
        self.delay = card.lookahead + self._fade
        self._ramp = np.linspace(0, 1, self._fade, dtype=np.float32)
        self.reset()

    def reset(self) -> None:
        """Fill the ring with silence."""
        self.bound.audio[:] = 0
        self._held = np.zeros((self.channels, self._fade), np.float32)

    def step(self, block: Audio) -> Audio:
        """Denoise [channels, k * hop]; the same shape back, `delay` samples late."""
        return in_pieces(block, self._widest, self._advance)

    def _advance(self, block: Audio) -> Audio:
        hop, ring = block.shape[1], self.bound.audio
        ring[:, :-hop] = ring[:, hop:]
        ring[:, -hop:] = block
        end = self._segment - self._lookahead
        newest = self.bound.run()[:, end - hop - self._fade : end].copy()
        if self._fade:
            newest[:, : self._fade] += (1 - self._ramp) * (self._held - newest[:, : self._fade])
            self._held = newest[:, hop:]
        return newest[:, :hop]


class StreamEngine:
    """Carries the network's state from hop to hop; each sample is computed once.

    Blocks of `live` samples (None: of no size) are run with fixed shapes, which is faster.
    """

    def __init__(self, model: Model, channels: int, live: int | None = None) -> None:
        card, self._session, self.channels = model.card, model.session, channels
        self.bound: BoundSession | None = None
        self.hop, self.delay, self._longest = card.hop, card.lookahead, card.segment
        self._inputs = [i.name for i in self._session.get_inputs()[1:]]
        outputs = [o.name for o in self._session.get_outputs()]
        if len(outputs) != len(self._inputs) + 1:
            raise RtdenoiseError(f"{model.path} is no stream model: export it again")
        shapes = [i.shape for i in self._session.get_inputs()[1:]]
        self._states = [
            np.zeros([n if isinstance(n, int) else channels for n in shape], np.float32)
            for shape in shapes
        ]
        # Zero states are not yet the state that silence leads to: biases are no zeros.
        silence = math.ceil(card.context / card.hop) * card.hop
        self.step(np.zeros((channels, silence), np.float32))
        self._primed = self._states
        if live:
            self.bound, self._live = BoundSession(model, channels, live), live
            self.reset()

    def reset(self) -> None:
        """Return to the state after silence. States are never written to, so no copy is needed."""
        self._states = self._primed
        if self.bound:
            self.bound.states = self._primed

    @property
    def silent_states(self) -> list[NDArray[np.float32]]:
        """The network's states after silence: what a stream begins with."""
        return self._primed

    def take_state(self, other: StreamEngine) -> None:
        """Go on where `other` is."""
        self._states = other._states

    def step(self, block: Audio) -> Audio:
        """Denoise [channels, k * hop]; the same shape back, `delay` samples late."""
        return in_pieces(block, self._longest, self._run)

    def _run(self, block: Audio) -> Audio:
        if not self.bound:
            return self._run_any(block)
        if block.shape[1] == self._live:
            self.bound.audio[:] = block
            return self.bound.run().copy()
        self._states = self.bound.states
        out = self._run_any(block)
        self.bound.states = self._states
        return out

    def _run_any(self, block: Audio) -> Audio:
        feed = dict(zip(self._inputs, self._states, strict=True), audio=block[:, None])
        out, *self._states = self._session.run(None, feed)
        return out[:, 0]


def make_engine(model: Model, channels: int, hop: int | None = None) -> Engine:
    """Return the engine of the model's form; `hop` (samples) of live audio, None for files."""
    if model.card.form == "stream":
        return StreamEngine(model, channels, live=hop)
    if model.card.form == "rolling":
        return RollingEngine(model, channels, hop)
    return SegmentEngine(model, channels, hop)
