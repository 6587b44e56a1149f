"""Enlarge a trained `default` network without changing its output, to train it further.

python -m train.grow small.pth large.pth --channels 48 --full-band 160 --block 4
python -m train ... --init large.pth
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from rtdenoise.command import run_function, writable
from rtdenoise.errors import RtdenoiseError

from .checkpoint import (
    fresh_checkpoint,
    load_checkpoint,
    load_network,
    network_options,
    save_checkpoint,
)
from .networks import SpectralDenoiser, grow_network, make_level_invariant

SIZES, ADDITIONS = "Sizes (unchanged by default)", "Additions"  # headings in the help

Checkpoint = Annotated[
    Path,
    typer.Argument(
        metavar="SMALL.pth",
        help="Checkpoint of a `default` network.",
        exists=True,
        dir_okay=False,
    ),
]
Target = Annotated[
    Path,
    typer.Argument(
        metavar="LARGE.pth",
        help="Checkpoint to write, of the larger network.",
        callback=writable,
    ),
]
Blocks = Annotated[
    list[int] | None,
    typer.Option(
        min=1,
        help="Add a block with this dilation, in frames, at the end; repeat for several.",
        rich_help_panel=ADDITIONS,
    ),
]


def _size(meaning: str) -> Any:
    return typer.Option(min=1, help=meaning, rich_help_panel=SIZES)


def _addition(meaning: str) -> Any:
    return typer.Option(help=meaning, rich_help_panel=ADDITIONS)


def grow(
    checkpoint: Checkpoint,
    target: Target,
    channels: Annotated[int | None, _size("Channels per position.")] = None,
    full_band: Annotated[int | None, _size("Size of the full-band path.")] = None,
    detail: Annotated[int | None, _size("Size of the decoder's hidden layer.")] = None,
    taps: Annotated[int | None, _size("Length of the filters in frames of 10 ms.")] = None,
    block: Blocks = None,
    high_history: Annotated[
        bool, _addition("Add noise statistics above 8 kHz to the features.")
    ] = False,
    level_invariant: Annotated[
        bool, _addition("Divide the features by a running level; needs further training.")
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
    options["dilations"] = [*network.dilations, *(block or [])]
    options["high_history"] = high_history or network.high_history
    large = grow_network(network, options)
    if level_invariant and not network.level_invariant:
        options["level_invariant"] = True
        large = make_level_invariant(large, options)
    saved["config"]["network_options"] = options
    averaged = {"ema_state_dict": large.state_dict()}
    save_checkpoint(target, fresh_checkpoint(saved, large) | averaged)
    parameters = sum(x.numel() for x in large.parameters())
    print(f"{target}: {parameters:,} parameters, network options {json.dumps(options)}")


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("train.grow", grow)


if __name__ == "__main__":
    main()
