"""The `default` network with a recurrent core: GRUs over time instead of dilated Conv1d.

Its memory is unbounded, and its state starts again with each rolling segment. Rolling segments
therefore cannot equal one pass over a file. The network serves the bake-off, and users who run only
the stream form.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from rtdenoise.constants import SAMPLE_RATE

from .blocks import FullBand
from .default import SpectralDenoiser
from .folded import FoldedDenoiser


class RecurrentBand(FullBand):
    """The full-band path with a stack of GRUs over time as its core."""

    def __init__(self, channels: int, size: int, layers: int) -> None:
        super().__init__(channels, size, ())
        self.core = nn.GRU(size, size, layers)

    def temporal_core(self, z: Tensor) -> Tensor:
        """Map z [time, batch, size] to the same shape."""
        return z + self.core(z)[0]


class RecurrentDenoiser(SpectralDenoiser):
    """`SpectralDenoiser` with `layers` GRUs of size `full_band` as the core of the full-band path.

    The true context is unbounded; `context` is the most that a one-second segment holds.
    """

    def __init__(
        self,
        channels: int = 24,
        dilations: tuple[int, ...] = (1, 1),
        embedding: int = 64,
        full_band: int = 192,
        layers: int = 2,
        leave: int = 1,
        join: int = 1,
    ) -> None:
        super().__init__(
            channels,
            dilations,
            embedding,
            full_band,
            (),
            leave,
            join,
            history=0,
            taps=1,
            fine=False,
        )
        self.full_band = RecurrentBand(channels, full_band, layers)
        self.context = SAMPLE_RATE - self.hop - self.lookahead


class FoldedRecurrent(FoldedDenoiser):
    """The exported form of `RecurrentDenoiser`; the GRUs' state is the last of the states."""

    rolls = False

    def _state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        core: Any = self.full_band.core  # type: ignore[union-attr]
        return [*super()._state_shapes(batch), (core.num_layers, batch, core.hidden_size)]

    def _temporal_core(
        self, z: Tensor, states: list[Tensor], batch: int
    ) -> tuple[Tensor, list[Tensor]]:
        core: Any = self.full_band.core  # type: ignore[union-attr]
        y, state = core(z.reshape(-1, batch, core.hidden_size), states[0])
        return z + y.reshape(-1, core.hidden_size), [state]
