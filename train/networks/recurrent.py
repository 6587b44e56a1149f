"""The `default` shape with a recurrent core: GRUs over all frequencies instead of dilated Conv1d.

Its memory has no end, so rolling segments cannot equal one pass over a file (its state starts anew
in each); it is here for the bake-off, and for whoever runs the stream form alone.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from rtdenoise.constants import SAMPLE_RATE

from .blocks import FullBand
from .default import SpectralDenoiser
from .folded import FoldedDenoiser


class RecurrentBand(FullBand):
    """All frequencies as one vector, remembered by a stack of GRUs over time."""

    def __init__(self, channels: int, size: int, layers: int) -> None:
        super().__init__(channels, size, ())
        self.core = nn.GRU(size, size, layers)

    def remember(self, z: Tensor) -> Tensor:
        """Map z [time, batch, size] to the same shape."""
        return z + self.core(z)[0]


class RecurrentDenoiser(SpectralDenoiser):
    """`SpectralDenoiser` with `layers` GRUs of `full_band` values as its memory.

    `context` is what a one-second segment can give; the true one is unbounded.
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
    """The form in which `RecurrentDenoiser` is exported; the GRUs' state is the last one."""

    rolls = False

    def _shapes(self, batch: int) -> list[tuple[int, ...]]:
        core: Any = self.full_band.core  # type: ignore[union-attr]
        return [*super()._shapes(batch), (core.num_layers, batch, core.hidden_size)]

    def _remember(self, z: Tensor, past: list[Tensor], batch: int) -> tuple[Tensor, list[Tensor]]:
        core: Any = self.full_band.core  # type: ignore[union-attr]
        y, state = core(z.reshape(-1, batch, core.hidden_size), past[0])
        return z + y.reshape(-1, core.hidden_size), [state]
