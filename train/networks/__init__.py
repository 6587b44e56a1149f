"""The networks, by name."""

from __future__ import annotations

from typing import Any

from rtdenoise.errors import RtdenoiseError

from ..network_api import DenoisingNetwork

NAMES = ("baseline", "default")


def build(name: str, **options: Any) -> DenoisingNetwork:
    """Build a network: `baseline` (the seed) or `default`. Raises RtdenoiseError on other names."""
    if name == "baseline":
        from .baseline import AudioDiffusionModel

        return AudioDiffusionModel(**options)
    if name == "default":
        from .default import SpectralDenoiser

        return SpectralDenoiser(**options)
    raise RtdenoiseError(f"unknown network {name!r}: use one of {', '.join(NAMES)}")
