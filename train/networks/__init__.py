"""The networks, by name, and the form in which each is exported.

Other rooms build networks with `build`, talk to them through `DenoisingNetwork`, and export what
`for_export` returns. `SpectralDenoiser` and `HIGH_STRIDE` are for those who change or read weights.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

from rtdenoise.errors import RtdenoiseError

from .baseline import AudioDiffusionModel
from .default import SpectralDenoiser
from .features import HIGH_STRIDE
from .folded import FoldedDenoiser
from .interface import DenoisingNetwork, zero_timestep
from .recurrent import FoldedRecurrent, RecurrentDenoiser
from .unet import WaveUNet

__all__ = [
    "HIGH_STRIDE",
    "NAMES",
    "DenoisingNetwork",
    "SpectralDenoiser",
    "all_options",
    "build",
    "for_export",
    "zero_timestep",
]

NETWORKS: dict[str, type[DenoisingNetwork]] = {
    "baseline": AudioDiffusionModel,
    "default": SpectralDenoiser,
    "recurrent": RecurrentDenoiser,
    "unet": WaveUNet,
}
NAMES = tuple(NETWORKS)


def build(name: str, **options: Any) -> DenoisingNetwork:
    """Build a network by name. Raises RtdenoiseError on a name that is not in NAMES."""
    return _class(name)(**options)


def all_options(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of network `name`, those that are not `given` at their defaults."""
    known = signature(_class(name)).parameters.values()
    return {option.name: option.default for option in known} | given


def for_export(network: DenoisingNetwork) -> DenoisingNetwork:
    """Return the network to export: eval mode, with what can be folded folded.

    A network whose exported form is a class of its own does not know that class; this table does.
    """
    network = network.eval()
    if isinstance(network, RecurrentDenoiser):
        return FoldedRecurrent(network)
    if isinstance(network, SpectralDenoiser):
        return FoldedDenoiser(network)
    return network.for_export()


def _class(name: str) -> type[DenoisingNetwork]:
    if name not in NETWORKS:
        raise RtdenoiseError(f"unknown network {name!r}: use one of {', '.join(NAMES)}")
    return NETWORKS[name]
