"""Engines for many streams at once: those with the same sizes share onnxruntime's sessions.

onnxruntime lets any number of threads run one session. Each engine has its own buffers and state.
"""

from __future__ import annotations

from .engines import Engine, RollingEngine, SegmentEngine, StreamEngine, make_engine, twin_engine
from .loading import Model


class SharedEngines:
    """Makes engines for a model. Only the first of each size opens a session."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._first: dict[tuple[int, int], StreamEngine | RollingEngine | SegmentEngine] = {}

    def make(self, channels: int, block: float) -> Engine:
        """Return an engine for `channels` that is fastest with blocks of about `block` samples.

        `block` is in samples at 48 kHz. It is rounded to whole hops of the model.
        """
        hop = self.model.card.hop
        key = channels, max(1, round(block / hop)) * hop
        if key not in self._first:
            self._first[key] = make_engine(self.model, *key)
        return twin_engine(self._first[key])
