"""Enlarge a `default` network without changing its output.

The method follows Chen et al., Net2Net, arXiv:1511.05641, but the new units are not copies of old
ones: they start with random weights, and the old units read them with weight zero.

                   old inputs  new inputs
    old outputs  |    kept    |    zero   |
    new outputs  |         random         |
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rtdenoise.errors import RtdenoiseError

from .default import SpectralDenoiser

TYPICAL_LEVEL = 0.6  # geometric mean of the running level in the mixtures of train/mixing


def grow_network(network: SpectralDenoiser, options: dict[str, Any]) -> SpectralDenoiser:
    """Return a network with `options` that gives the same output as `network`.

    It may have more blocks, more taps and larger sizes. Raises RtdenoiseError if one of them is
    smaller, or if another option differs.
    """
    large = SpectralDenoiser(**options)
    old, new = network.state_dict(), large.state_dict()
    added = [key for key in new if key not in old]
    count = len(network.dilations)
    added_blocks = tuple(f"blocks.{i}." for i in range(count, len(large.dilations)))
    contained = old.keys() <= new.keys() and network.dilations == large.dilations[:count]
    if not contained or not all(key.startswith(added_blocks) for key in added):
        raise RtdenoiseError(
            "only channels, full_band, detail, taps, dilations and high_history can grow: "
            "leave the other options unchanged"
        )
    for key in added:
        if key.endswith(".out"):
            new[key].zero_()  # a new block adds nothing at first
    for key in ("filter.weight", "filter.bias"):
        new[key].zero_()  # new taps add nothing at first
    for key, small in old.items():
        if any(a > b for a, b in zip(small.shape, new[key].shape, strict=True)):
            raise RtdenoiseError(f"{key} would become smaller: give sizes of at least the old ones")
        indices = [torch.arange(size) for size in small.shape]
        if key.startswith("timestep.2."):  # scale and shift
            indices[0] = _spread_channels(small.shape[0], network.channels, large.channels)
        if key.startswith(("decode_low.", "decode_high.")):  # last block, encoder, features
            indices[1] = _spread_channels(small.shape[1], network.channels, large.channels)
        # nn.Linear stores [outputs, inputs]; the blocks' own matrices are [inputs, outputs].
        _insert(new[key], small, indices, outputs=0 if key.endswith(".weight") else -1)
    large.load_state_dict(new)
    return large.eval()


def make_level_invariant(network: SpectralDenoiser, options: dict[str, Any]) -> SpectralDenoiser:
    """Return the network with level-invariant `options`.

    At a typical level its output is close to that of `network`; it needs further training.
    """
    weights = network.state_dict()
    for part in ("low", "high"):
        weights[f"encode_{part}.weight"] *= TYPICAL_LEVEL
        weights[f"decode_{part}.weight"][:, 2 * network.channels :] *= TYPICAL_LEVEL
    invariant = SpectralDenoiser(**options)
    invariant.load_state_dict(weights)
    return invariant.eval()


def _spread_channels(size: int, old_channels: int, new_channels: int) -> Tensor:
    """Return the new indices [size] of an axis that holds the channels twice, then other values."""
    old = torch.arange(size)
    blocks_before = (old >= old_channels).long() + (old >= 2 * old_channels).long()
    return old + (new_channels - old_channels) * blocks_before


def _insert(large: Tensor, small: Tensor, indices: list[Tensor], outputs: int) -> None:
    """Copy `small` into `large` at `indices`; zero all other inputs of those outputs.

    `outputs` is the axis of the outputs.
    """
    large.index_fill_(outputs, indices[outputs], 0.0)
    large[torch.meshgrid(*indices, indexing="ij")] = small
