"""The networks, by name."""

from __future__ import annotations

from inspect import signature
from typing import Any

from rtdenoise.errors import RtdenoiseError

from ..network_api import DenoisingNetwork

NAMES = ("baseline", "default", "recurrent", "unet")


def build(name: str, **options: Any) -> DenoisingNetwork:
    """Build a network by name. Raises RtdenoiseError on a name that is not in NAMES."""
    return _class(name)(**options)


def all_options(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of network `name`, those that are not `given` at their defaults."""
    known = signature(_class(name)).parameters.values()
    return {option.name: option.default for option in known} | given


def _class(name: str) -> type[DenoisingNetwork]:
    if name == "baseline":
        from .baseline import AudioDiffusionModel

        return AudioDiffusionModel
    if name == "default":
        from .default import SpectralDenoiser

        return SpectralDenoiser
    if name == "recurrent":
        from .recurrent import RecurrentDenoiser

        return RecurrentDenoiser
    if name == "unet":
        from .unet import WaveUNet

        return WaveUNet
    raise RtdenoiseError(f"unknown network {name!r}: use one of {', '.join(NAMES)}")
