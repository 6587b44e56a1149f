"""The networks by name, and the exported form of each.

Other packages build networks with `build`, use them through `DenoisingNetwork`, and export the
result of `for_export`. `SpectralDenoiser`, `HIGH_STRIDE`, `grow_network`, `make_level_invariant`
and `mean_network` serve code that changes or reads weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import signature
from typing import Any

from torch import Tensor

from rtdenoise.errors import RtdenoiseError

from .averages import mean_network
from .baseline import AudioDiffusionModel
from .default import SpectralDenoiser
from .features import HIGH_STRIDE
from .folded import FoldedDenoiser
from .fourier import Fourier
from .fourier_matrices import MatrixFourier
from .growth import grow_network, make_level_invariant
from .interface import DenoisingNetwork, one_pass, zero_timestep
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
    "grow_network",
    "make_level_invariant",
    "mean_network",
    "one_pass",
    "trained_tensors",
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
    """Build a network by name. Raises RtdenoiseError if the name is not in NAMES."""
    return _class(name)(**options)


def all_options(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return all options of network `name`: those `given`, and the defaults of the others."""
    parameters = signature(_class(name)).parameters.values()
    return {option.name: option.default for option in parameters} | given


def for_export(network: DenoisingNetwork) -> DenoisingNetwork:
    """Return the network to export: in eval mode, with constant operations folded.

    Networks do not import the classes of their exported forms; this function chooses them.
    """
    network = network.eval()
    if isinstance(network, RecurrentDenoiser):
        return FoldedRecurrent(network)
    if isinstance(network, SpectralDenoiser):
        return FoldedDenoiser(network)
    return network.for_export()


def trained_tensors(network: DenoisingNetwork) -> Iterator[Tensor]:
    """Yield the parameters and buffers of a network without the tables of its Fourier transform."""
    for module in network.modules():
        if not isinstance(module, (Fourier, MatrixFourier)):
            yield from module.parameters(recurse=False)
            yield from module.buffers(recurse=False)


def _class(name: str) -> type[DenoisingNetwork]:
    if name not in NETWORKS:
        raise RtdenoiseError(f"unknown network {name!r}: use one of {', '.join(NAMES)}")
    return NETWORKS[name]
