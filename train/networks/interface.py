"""What every network offers to the training loop, the exporter and the tests."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DenoisingNetwork(nn.Module):
    """A waveform-to-waveform denoiser conditioned on a diffusion-style timestep.

    Sub-classes set, in samples at 48 kHz:
        hop        the network's time grid; input lengths are multiples of it; 48000 % hop == 0
        context    how many past samples an output sample depends on, at most
        lookahead  how many future samples an output sample depends on, at most
    Both are computed from the layers, never typed in, and a test perturbs inputs to assert them.
    Before the recording there is digital silence: all paths (one pass over a file, rolling
    segments, carried state) see zeros in the audio for at least `context` samples before it.
    """

    hop: int
    context: int
    lookahead: int
    streams: bool = False  # True where `stream` and `initial_states` are implemented
    rolls: bool = False  # True where `latest` is

    def condition(self, t: Tensor) -> Tensor:
        """Map timesteps `t` [batch] to the conditioning [batch, features]; folded at export."""
        raise NotImplementedError

    def denoise(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise `audio` [batch, 1, samples] given conditioning [batch or 1, features]."""
        raise NotImplementedError

    def forward(self, audio: Tensor, t: Tensor) -> Tensor:
        """Denoise `audio` [batch, 1, samples] at timestep `t` [batch]; the same shape back."""
        return self.denoise(audio, self.condition(t))

    def initial_states(self, batch: int) -> list[Tensor]:
        """Zero states for `stream`."""
        raise NotImplementedError

    def stream(
        self, audio: Tensor, conditioning: Tensor, states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Denoise n * hop new samples [batch, 1, n * hop], delayed by `lookahead` samples."""
        raise NotImplementedError

    def latest(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise the end of `audio` [batch, 1, context + n + lookahead]: [batch, 1, n].

        The same samples as `denoise` gives, with nothing computed that is not heard. Context and
        look-ahead each count in whole hops.
        """
        raise NotImplementedError

    def for_export(self) -> DenoisingNetwork:
        """Return the network to export: eval mode, with what can be folded folded."""
        return self.eval()


def zero_timestep(batch: int, device: torch.device | str = "cpu") -> Tensor:
    """Return timestep 0 for a batch: the recording as it came."""
    return torch.zeros(batch, dtype=torch.long, device=device)
