"""Enlarge a trained `default` network without changing its output, to train it further.

    python -m train.grow small.pth large.pth --channels 48 --full-band 160 --block 4
    python -m train ... --init large.pth

The method follows Chen et al., Net2Net, arXiv:1511.05641, but the new units are not copies of old
ones: they start with random weights, and the old units read them with weight zero.

                   old inputs  new inputs
    old outputs  |    kept    |    zero   |
    new outputs  |         random         |
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from rtdenoise.command import run_function, writable
from rtdenoise.errors import RtdenoiseError

from .checkpoint import load_checkpoint, load_network, network_options, save_checkpoint
from .networks import SpectralDenoiser

SIZES, ADDITIONS = "Sizes (unchanged by default)", "Additions"  # headings in the help
TYPICAL_LEVEL = 0.6  # geometric mean of the running level in the mixtures of train/mixing


def _size(meaning: str) -> Any:
    return typer.Option(min=1, help=meaning, rich_help_panel=SIZES)


def grow(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="SMALL.pth",
            help="Checkpoint of a `default` network.",
            exists=True,
            dir_okay=False,
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="LARGE.pth",
            help="Checkpoint to write, of the larger network.",
            callback=writable,
        ),
    ],
    channels: Annotated[int | None, _size("Channels per position.")] = None,
    full_band: Annotated[int | None, _size("Size of the full-band path.")] = None,
    detail: Annotated[int | None, _size("Size of the decoder's hidden layer.")] = None,
    taps: Annotated[int | None, _size("Length of the filters in frames of 10 ms.")] = None,
    block: Annotated[
        list[int],
        typer.Option(
            min=1,
            help="Add a block with this dilation, in frames, at the end; repeat for several.",
            rich_help_panel=ADDITIONS,
        ),
    ] = [],  # noqa: B006 (typer reads it)
    high_history: Annotated[
        bool,
        typer.Option(
            help="Add noise statistics above 8 kHz to the features.",
            rich_help_panel=ADDITIONS,
        ),
    ] = False,
    level_invariant: Annotated[
        bool,
        typer.Option(
            help="Divide the features by a running level; needs further training.",
            rich_help_panel=ADDITIONS,
        ),
    ] = False,
) -> None:
    """Write an enlarged network that gives the same output."""
    network = load_network(checkpoint)
    if not isinstance(network, SpectralDenoiser):
        raise RtdenoiseError(
            f"{checkpoint} is not of a `default` network: only that network can be enlarged"
        )
    saved = load_checkpoint(checkpoint)
    sizes = {"channels": channels, "full_band": full_band, "detail": detail, "taps": taps}
    options = network_options(saved)
    options |= {key: value for key, value in sizes.items() if value is not None}
    options["dilations"] = [*network.dilations, *block]
    options["high_history"] = high_history or network.high_history
    large = grow_network(network, options)
    if level_invariant and not network.level_invariant:
        options["level_invariant"] = True
        large = make_level_invariant(large, options)
    saved["config"]["network_options"] = options
    weights = {"model_state_dict": large.state_dict(), "ema_state_dict": large.state_dict()}
    fresh: dict[str, Any] = {"optimizer_state_dict": {}, "scheduler_state_dict": {}}
    fresh |= {"epoch": 0, "step": 0, "history": "[]"}
    save_checkpoint(target, {**saved, **weights, **fresh})
    parameters = sum(x.numel() for x in large.parameters())
    print(f"{target}: {parameters:,} parameters, network options {json.dumps(options)}")


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


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("train.grow", grow)


if __name__ == "__main__":
    main()
