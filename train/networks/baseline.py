"""The `baseline` network: a strided Conv1D autoencoder on the waveform, with a timestep input."""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from .embedding import sinusoidal_embedding
from .interface import DenoisingNetwork

# (output channels, kernel, stride); padding (kernel - stride) / 2 keeps lengths exact.
LAYERS = ((48, 16, 4), (96, 16, 4), (128, 8, 2))


class AudioDiffusionModel(DenoisingNetwork):
    """Conv1D encoder, timestep embedding added to the latent by an MLP, ConvTranspose1D decoder.

    It has no skips and predicts the waveform; audio [batch, 1, samples], samples a multiple of 32.
    `spectral_norm` keeps the largest singular value of every convolution at 1 (Miyato et al.,
    arXiv:1802.05957).
    """

    def __init__(
        self,
        layers: tuple[tuple[int, int, int], ...] = LAYERS,
        dropout: float = 0.1,
        embedding: int = 128,
        slope: float = 0.2,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        self.layers = [tuple(layer) for layer in layers]
        self.embedding = embedding
        encoder: list[nn.Module] = []
        decoder: list[nn.Module] = []
        in_channels = 1
        for channels, kernel, stride in self.layers:
            padding = (kernel - stride) // 2
            down: nn.Module = nn.Conv1d(in_channels, channels, kernel, stride, padding)
            up: nn.Module = nn.ConvTranspose1d(channels, in_channels, kernel, stride, padding)
            if spectral_norm:
                down, up = parametrizations.spectral_norm(down), parametrizations.spectral_norm(up)
            encoder += [down, nn.LeakyReLU(slope), nn.Dropout(dropout)]
            decoder = [up, nn.LeakyReLU(slope), nn.Dropout(dropout), *decoder]
            in_channels = channels
        self.encoder, self.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder[:-2])
        self.timestep = nn.Sequential(
            nn.Linear(embedding, in_channels), nn.SiLU(), nn.Linear(in_channels, in_channels)
        )
        self.hop, self.context, self.lookahead = self._receptive_field()

    def condition(self, t: Tensor) -> Tensor:
        """Map timesteps [batch] to a shift of the latent, [batch, channels]."""
        return self.timestep(sinusoidal_embedding(t, self.embedding))

    def denoise(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise audio [batch, 1, samples]."""
        return self.decoder(self.encoder(audio) + conditioning[:, :, None])

    def for_export(self) -> AudioDiffusionModel:
        """Return a copy in eval mode with the normalised weights stored as plain weights."""
        exported = copy.deepcopy(self).eval()
        for layer in exported.modules():
            if parametrize.is_parametrized(layer, "weight"):
                parametrize.remove_parametrizations(layer, "weight")
        return exported

    def _receptive_field(self) -> tuple[int, int, int]:
        """Return (hop, context, lookahead): trace an output hop back through every layer.

        Strided convolution: output i reads inputs i s - p .. i s - p + k - 1. Transposed: output
        o reads inputs ceil((o + p - k + 1) / s) .. floor((o + p) / s).
        """
        hop = 1
        for _, _, stride in self.layers:
            hop *= stride
        first, last = 0, hop - 1
        for _, kernel, stride in self.layers:
            padding = (kernel - stride) // 2
            first, last = -((kernel - 1 - first - padding) // stride), (last + padding) // stride
        for _, kernel, stride in reversed(self.layers):
            padding = (kernel - stride) // 2
            first, last = first * stride - padding, last * stride - padding + kernel - 1
        return hop, -first, last - (hop - 1)
