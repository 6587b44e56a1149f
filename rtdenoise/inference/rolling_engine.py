"""The segment engine for models in rolling form: the last second heard anew, the new part computed.

    heard   |----- before -----|  hop  | after |
    given                      |  hop  |

For a hop of 20 ms that is a quarter of the time that a whole second takes, and the same samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .bound_session import BoundSession, in_pieces
from .loading import Model

Audio = NDArray[np.float32]
AT_ONCE = 4  # s of a file: what is heard again is a fifth of it


class RollingEngine:
    """Slides a window over the audio; of no state but the audio itself.

    Blocks of `hop` samples (None: the model's own) are run with fixed shapes, longer ones at once.
    """

    def __init__(self, model: Model, channels: int, hop: int | None = None) -> None:
        card, self._session, self.channels = model.card, model.session, channels
        self.hop, self.delay = hop or card.hop, card.after
        if self.hop % card.hop or not 0 < self.hop <= card.segment:
            raise RtdenoiseError(
                f"a hop of {self.hop} samples does not fit the model: "
                f"use a multiple of {card.hop} up to {card.segment}"
            )
        self._longest = AT_ONCE * card.segment // self.hop * self.hop
        length = card.before + self.hop + card.after
        self.bound = BoundSession(model, channels, length, given=self.hop)

    def reset(self) -> None:
        """Fill the window with silence."""
        self.bound.audio[:] = 0

    def step(self, block: Audio) -> Audio:
        """Denoise [channels, k * hop]; the same shape back, `delay` samples late."""
        return in_pieces(block, self._longest, self._advance)

    def _advance(self, block: Audio) -> Audio:
        hop, window = self.hop, self.bound.audio
        if block.shape[1] == hop:
            window[:, :-hop] = window[:, hop:]
            window[:, -hop:] = block
            return self.bound.run().copy()
        heard = np.concatenate([window[:, hop:], block], axis=1)
        window[:] = heard[:, -window.shape[1] :]
        return self._session.run(None, {"audio": heard[:, None]})[0][:, 0]
