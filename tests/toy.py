"""A tiny untrained default network, the same at every call."""

from __future__ import annotations

import torch

from train.networks import SpectralDenoiser

TOY = {
    "channels": 6,
    "dilations": [1, 2, 4],
    "embedding": 8,
    "full_band": 8,
    "full_band_dilations": [1, 4],
    "leave": 1,
    "join": 2,
    "history": 3,
    "taps": 4,
    "detail": 8,
    "level_invariant": True,
}


def toy_network() -> SpectralDenoiser:
    torch.manual_seed(1)
    network = SpectralDenoiser(**TOY)
    with torch.no_grad():  # biases, so that silence is not zero inside the network
        for name, value in network.named_parameters():
            if "bias" in name or "position" in name or "widen" in name:
                value += 0.3 * torch.randn_like(value)
    return network.eval()
