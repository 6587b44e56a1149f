"""Average the weights of checkpoints of one network: model soups (arXiv:2203.05482).

python -m train.average sum.pth a.pth b.pth c.pth --share 0.5 --share 0.3 --share 0.2

Runs that began from the same weights meet in one valley of the loss: their average keeps more of
what each gained than any of them. Averaged weights (EMA) of a checkpoint count where it has them.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import torch
import typer

from rtdenoise.command import run_function, writable
from rtdenoise.errors import RtdenoiseError

from .checkpoint import fresh_checkpoint, load_checkpoint, load_network, save_checkpoint
from .networks import DenoisingNetwork, mean_network

TOLERANCE = 1e-6  # of the sum of the shares

Target = Annotated[
    Path,
    typer.Argument(metavar="SUM.pth", help="Checkpoint to write.", callback=writable),
]
Checkpoints = Annotated[
    list[Path],
    typer.Argument(metavar="CHECKPOINT.pth...", help="What is averaged.", show_default=False),
]
Shares = Annotated[
    list[float] | None,
    typer.Option(
        "--share",
        help="Share of a checkpoint, in their order; equal shares by default. A negative one "
        "takes away.",
    ),
]
Half = Annotated[bool, typer.Option(help="Store the weights in half precision: half the size.")]


def average(
    target: Target, checkpoints: Checkpoints, share: Shares = None, half: Half = False
) -> None:
    """Write the average of checkpoints, to train further from (--init) or to export."""
    shares = share or [1 / len(checkpoints)] * len(checkpoints)
    if len(shares) != len(checkpoints):
        raise RtdenoiseError(
            f"--share: {len(shares)} for {len(checkpoints)} checkpoints: give one for each"
        )
    if not math.isclose(math.fsum(shares), 1, abs_tol=TOLERANCE):
        raise RtdenoiseError(
            f"--share: the shares sum to {math.fsum(shares):g}: they must sum to 1"
        )
    networks = [load_network(path) for path in checkpoints]
    shapes = [_shapes(network) for network in networks]
    for path, other in zip(checkpoints, shapes, strict=True):
        if other != shapes[0]:
            raise RtdenoiseError(
                f"{path} holds a network of another shape than {checkpoints[0]}: leave it out"
            )
    network = mean_network(networks, shares)
    saved = fresh_checkpoint(load_checkpoint(checkpoints[0]), network)
    if half:
        weights = {key: value.half() for key, value in network.state_dict().items()}
        if bad := [key for key, value in weights.items() if not value.isfinite().all()]:
            raise RtdenoiseError(f"{bad[0]} is too large for half precision: leave out --half")
        saved["model_state_dict"] = weights
    save_checkpoint(target, saved)
    print(f"{target}: the average of {len(checkpoints)} checkpoints")


def _shapes(network: DenoisingNetwork) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in network.state_dict().items()}


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("train.average", average)


if __name__ == "__main__":
    main()
