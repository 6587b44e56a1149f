"""The networks, by name."""

from __future__ import annotations

from typing import Any

from rtdenoise.errors import RtdenoiseError

from ..network_api import DenoisingNetwork

NAMES = ("baseline", "default", "recurrent", "unet")


def build(name: str, **options: Any) -> DenoisingNetwork:
    """Build a network by name. Raises RtdenoiseError on a name that is not in NAMES."""
    if name == "baseline":
        from .baseline import AudioDiffusionModel

        return AudioDiffusionModel(**options)
    if name == "default":
        from .default import SpectralDenoiser

        return SpectralDenoiser(**options)
    if name == "recurrent":
        from .recurrent import RecurrentDenoiser

        return RecurrentDenoiser(**options)
    if name == "unet":
        from .unet import WaveUNet

        return WaveUNet(**options)
    raise RtdenoiseError(f"unknown network {name!r}: use one of {', '.join(NAMES)}")
