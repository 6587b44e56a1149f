"""The interface of every network to the training loop, the exporter and the tests."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class DenoisingNetwork(nn.Module):
    """A waveform-to-waveform denoiser conditioned on a diffusion timestep.

    Subclasses set, in samples at 48 kHz:
        hop        the network's time grid; input lengths are multiples of it; 48000 % hop == 0
        context    the most past samples on which an output sample depends
        lookahead  the most future samples on which an output sample depends
    Subclasses compute `context` and `lookahead` from their layers, and a test perturbs inputs to
    check them. Digital silence precedes the recording: one pass over a file, rolling segments and
    carried state all read zeros for at least `context` samples before it.
    """

    hop: int
    context: int
    lookahead: int
    streams: bool = False  # whether `stream` and `initial_states` are implemented
    rolls: bool = False  # whether `latest` is implemented: the rolling form

    def condition(self, t: Tensor) -> Tensor:
        """Map timesteps `t` [batch] to the conditioning [batch, features]; export folds it."""
        raise NotImplementedError

    def denoise(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise `audio` [batch, 1, samples] given conditioning [batch or 1, features]."""
        raise NotImplementedError

    def forward(self, audio: Tensor, t: Tensor) -> Tensor:
        """Denoise `audio` [batch, 1, samples] at timesteps `t` [batch]; return the same shape."""
        return self.denoise(audio, self.condition(t))

    def initial_states(self, batch: int) -> list[Tensor]:
        """Return zero states for `stream`."""
        raise NotImplementedError

    def stream(
        self, audio: Tensor, conditioning: Tensor, states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Denoise n * hop new samples [batch, 1, n * hop], delayed by `lookahead` samples."""
        raise NotImplementedError

    def latest(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise the end of `audio` [batch, 1, context + n + lookahead]: [batch, 1, n].

        The result equals the same samples of `denoise`, without the work for all others. Context
        and lookahead are each rounded up to whole hops.
        """
        raise NotImplementedError

    def for_export(self) -> DenoisingNetwork:
        """Return the network to export: in eval mode, with constant operations folded."""
        return self.eval()


def zero_timestep(batch: int, device: torch.device | str = "cpu") -> Tensor:
    """Return timestep 0 for a batch: the recording without added noise."""
    return torch.zeros(batch, dtype=torch.long, device=device)


@torch.no_grad()
def one_pass(network: DenoisingNetwork, audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Denoise a clip [samples] in one pass."""
    padded = torch.zeros(1, 1, -(-(len(audio) + network.lookahead) // network.hop) * network.hop)
    padded[0, 0, : len(audio)] = torch.from_numpy(audio)
    return network.eval()(padded, zero_timestep(1))[0, 0, : len(audio)].numpy()
