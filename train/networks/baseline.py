"""The seed's network: a strided Conv1D autoencoder on the waveform, conditioned on the timestep."""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from .embedding import sinusoidal_embedding
from .interface import DenoisingNetwork

# (channels out, kernel, stride); padding (kernel - stride) / 2 keeps lengths exact.
LAYERS = ((48, 16, 4), (96, 16, 4), (128, 8, 2))


class AudioDiffusionModel(DenoisingNetwork):
    """Conv1D encoder, timestep embedding through an MLP into the latent, ConvTranspose1D decoder.

    No skips; predicts the waveform. Audio [batch, 1, samples], samples a multiple of 32.
    `spectral_norm` holds every convolution's largest singular value at 1 (Miyato et al.,
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
        before = 1
        for channels, kernel, stride in self.layers:
            padding = (kernel - stride) // 2
            down: nn.Module = nn.Conv1d(before, channels, kernel, stride, padding)
            up: nn.Module = nn.ConvTranspose1d(channels, before, kernel, stride, padding)
            if spectral_norm:
                down, up = parametrizations.spectral_norm(down), parametrizations.spectral_norm(up)
            encoder += [down, nn.LeakyReLU(slope), nn.Dropout(dropout)]
            decoder = [up, nn.LeakyReLU(slope), nn.Dropout(dropout), *decoder]
            before = channels
        self.encoder, self.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder[:-2])
        self.timestep = nn.Sequential(
            nn.Linear(embedding, before), nn.SiLU(), nn.Linear(before, before)
        )
        self.hop, self.context, self.lookahead = self._reach()

    def condition(self, t: Tensor) -> Tensor:
        """Map timesteps [batch] to what is added to the latent, [batch, channels]."""
        return self.timestep(sinusoidal_embedding(t, self.embedding))

    def denoise(self, audio: Tensor, conditioning: Tensor) -> Tensor:
        """Denoise audio [batch, 1, samples]."""
        return self.decoder(self.encoder(audio) + conditioning[:, :, None])

    def for_export(self) -> AudioDiffusionModel:
        """Return the network with normalised weights as plain weights."""
        plain = copy.deepcopy(self).eval()
        for layer in plain.modules():
            if parametrize.is_parametrized(layer, "weight"):
                parametrize.remove_parametrizations(layer, "weight")
        return plain

    def _reach(self) -> tuple[int, int, int]:
        """Return (hop, context, lookahead): follow an output hop back through every layer.

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
