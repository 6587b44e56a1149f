"""Make a trained `default` network larger without changing what it does; then train it further.

    python -m train.grow small.pth wide.pth --channels 48 --full-band 160 --block 4
    python -m train ... --init wide.pth

As in Chen et al., Net2Net, arXiv:1511.05641, but with units that are new rather than copies: they
begin with random weights, and what was there before reads them with weight zero.

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

from rtdenoise.command import run_function
from rtdenoise.errors import RtdenoiseError

from .checkpoint import load_checkpoint, load_network, network_options, save_checkpoint
from .networks import SpectralDenoiser

TYPICAL_LEVEL = 0.6  # the running level of mixtures of train/mixing, geometric mean


def grow(
    checkpoint: Annotated[Path, typer.Argument(help="Of the default network.")],
    target: Annotated[Path, typer.Argument(help="The wider one.")],
    channels: Annotated[int | None, typer.Option(help="Of a position.")] = None,
    full_band: Annotated[int | None, typer.Option(help="Values of the full-band path.")] = None,
    detail: Annotated[int | None, typer.Option(help="Values that decide on filters.")] = None,
    taps: Annotated[int | None, typer.Option(help="Frames of a bin's filter.")] = None,
    block: Annotated[list[int], typer.Option(help="Dilation of a block more, at the end.")] = [],  # noqa: B006 (typer reads it)
    high_history: Annotated[bool, typer.Option(help="Look back on noise above 8 kHz too.")] = False,
    level_invariant: Annotated[
        bool, typer.Option(help="Divide what it sees by a running level; needs more training.")
    ] = False,
) -> None:
    """Write a wider network that sounds the same."""
    network = load_network(checkpoint)
    if not isinstance(network, SpectralDenoiser):
        raise RtdenoiseError(f"{checkpoint} holds no `default` network: only that one grows")
    saved = load_checkpoint(checkpoint)
    wanted = {"channels": channels, "full_band": full_band, "detail": detail, "taps": taps}
    options = network_options(saved)
    options |= {key: value for key, value in wanted.items() if value is not None}
    options["dilations"] = [*network.dilations, *block]
    options["high_history"] = high_history or network.high_history
    wide = grown(network, options)
    if level_invariant and not network.level_invariant:
        options["level_invariant"] = True
        wide = with_relative_features(wide, options)
    saved["config"]["network_options"] = options
    weights = {"model_state_dict": wide.state_dict(), "ema_state_dict": wide.state_dict()}
    fresh: dict[str, Any] = {"optimizer_state_dict": {}, "scheduler_state_dict": {}}
    fresh |= {"epoch": 0, "step": 0, "history": "[]"}
    save_checkpoint(target, {**saved, **weights, **fresh})
    parameters = sum(x.numel() for x in wide.parameters())
    print(f"{target}: {parameters:,} parameters, network options {json.dumps(options)}")


def grown(network: SpectralDenoiser, options: dict[str, Any]) -> SpectralDenoiser:
    """Return a network of `options` that gives what `network` gives.

    Blocks and taps may be more, widths larger. Raises RtdenoiseError where one of them is
    smaller, or anything else differs.
    """
    wide = SpectralDenoiser(**options)
    old, new = network.state_dict(), wide.state_dict()
    more = [key for key in new if key not in old]
    count = len(network.dilations)
    later = tuple(f"blocks.{i}." for i in range(count, len(wide.dilations)))
    same = old.keys() <= new.keys() and network.dilations == wide.dilations[:count]
    if not same or not all(key.startswith(later) for key in more):
        raise RtdenoiseError(
            "only channels, full_band, detail, taps, dilations and high_history can grow: "
            "keep other options"
        )
    for key in more:
        if key.endswith(".out"):
            new[key].zero_()  # a block that adds nothing yet
    for key in ("filter.weight", "filter.bias"):
        new[key].zero_()  # taps that add nothing yet
    for key, small in old.items():
        if any(few > many for few, many in zip(small.shape, new[key].shape, strict=True)):
            raise RtdenoiseError(f"{key} would become smaller: give widths of at least the old")
        where = [torch.arange(size) for size in small.shape]
        if key.startswith("timestep.2."):  # scale and shift
            where[0] = _twice(small.shape[0], network.channels, wide.channels)
        if key.startswith(("decode_low.", "decode_high.")):  # the last block's, the encoder's, bins
            where[1] = _twice(small.shape[1], network.channels, wide.channels)
        # nn.Linear keeps [outputs, inputs], the blocks' own matrices are [inputs, outputs].
        _insert(new[key], small, where, outputs=0 if key.endswith(".weight") else -1)
    wide.load_state_dict(new)
    return wide.eval()


def with_relative_features(network: SpectralDenoiser, options: dict[str, Any]) -> SpectralDenoiser:
    """Return the network with level-invariant `options`: near the same at a typical level."""
    weights = network.state_dict()
    for part in ("low", "high"):
        weights[f"encode_{part}.weight"] *= TYPICAL_LEVEL
        weights[f"decode_{part}.weight"][:, 2 * network.channels :] *= TYPICAL_LEVEL
    relative = SpectralDenoiser(**options)
    relative.load_state_dict(weights)
    return relative.eval()


def _twice(size: int, channels: int, wider: int) -> Tensor:
    """Where the entries [size] of an axis go that holds the channels twice, then other things."""
    at = torch.arange(size)
    return at + (wider - channels) * ((at >= channels).long() + (at >= 2 * channels).long())


def _insert(big: Tensor, small: Tensor, where: list[Tensor], outputs: int) -> None:
    """Put `small` into `big` at the indices `where`; its outputs read nothing else of `big`."""
    big.index_fill_(outputs, where[outputs], 0.0)
    big[torch.meshgrid(*where, indexing="ij")] = small


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("train.grow", grow)


if __name__ == "__main__":
    main()
