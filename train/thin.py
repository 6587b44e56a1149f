"""Make a trained `default` network smaller: fewer channels, fewer blocks; then train it further.

    python -m train.thin big.pth thin.pth --packed packed/train --channels 32 --drop 1 --drop 4
    python -m train ... --init thin.pth --network-options '{"channels": 32, ...}'

Of each set of channels those are kept from which the others follow best, judged on noisy speech (a
pivoted Cholesky factorisation of their products); what read the others reads their linear
estimate instead. Which blocks to drop is told by `--drop` left out: the loss without each.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from rtdenoise.command import run_function
from rtdenoise.errors import RtdenoiseError

from .batches import Batch
from .checkpoint import load_checkpoint, load_network, save_checkpoint
from .corpus import Corpus
from .degrade import Degrader
from .losses import MultiResolutionLoss
from .network_api import zero_timestep
from .networks.default import SpectralDenoiser

Kept = tuple[list[int], Tensor]  # indices, and [all, kept]: every channel from those kept


def thin(
    checkpoint: Annotated[Path, typer.Argument(help="Of the default network.")],
    target: Annotated[Path, typer.Argument(help="The smaller one.")],
    packed: Annotated[Path, typer.Option(help="Packed corpus to judge on.")],
    channels: Annotated[int, typer.Option(help="Channels to keep.")] = 32,
    drop: Annotated[list[int] | None, typer.Option(help="Blocks to leave out.")] = None,
    batches: Annotated[int, typer.Option(help="Of 8 clips of 2 s, to judge on.")] = 4,
) -> None:
    """Write a smaller network made of a trained one."""
    network = load_network(checkpoint)
    if not isinstance(network, SpectralDenoiser) or network.full_band is None:
        raise RtdenoiseError(f"{checkpoint} is no `default` network with a full-band path")
    source = Degrader(Corpus.load(packed), 8)
    audio = [source.batch(step) for step in range(batches)]
    print(f"loss {loss_of(network, audio):.4f}")
    if drop is None:
        for i in range(len(network.blocks)):
            print(f"without block {i}: {loss_of(without(network, i), audio):.4f}")
        return
    small = thinned(network, audio, channels, drop)
    print(f"thinned: {loss_of(small, audio):.4f}, {channels} channels, {len(small.blocks)} blocks")
    saved = load_checkpoint(checkpoint)
    saved["config"]["network_options"] = options(small)
    weights = {"model_state_dict": small.state_dict(), "ema_state_dict": small.state_dict()}
    fresh: dict[str, Any] = {"optimizer_state_dict": {}, "scheduler_state_dict": {}}
    fresh |= {"epoch": 0, "step": 0, "history": "[]"}
    save_checkpoint(target, {**saved, **weights, **fresh})


def options(network: SpectralDenoiser) -> dict[str, Any]:
    """Return what `build` needs to make a network of this shape."""
    path: Any = network.full_band
    return {
        "channels": network.channels,
        "dilations": list(network.dilations),
        "embedding": network.embedding,
        "full_band": path.spread.in_features,
        "full_band_dilations": list(path.dilations),
        "leave": network.leave,
        "join": network.join,
        "history": network.history,
        "taps": network.taps,
        "fine": network.fine,
        "detail": network.detail,
    }


@torch.no_grad()
def loss_of(network: SpectralDenoiser, audio: list[Batch]) -> float:
    """Return the mean training loss at t = 0."""
    loss = MultiResolutionLoss()
    values = [
        loss(network(batch.noisy, zero_timestep(len(batch.noisy))), batch.clean, batch.bandwidth)
        for batch in audio
    ]
    return float(torch.stack(values).mean())


def without(network: SpectralDenoiser, block: int) -> SpectralDenoiser:
    """Return a copy in which a block adds nothing."""
    cut = copy.deepcopy(network)
    for parameter in cut.blocks[block].out.parameters():
        parameter.data.zero_()
    return cut


def thinned(
    network: SpectralDenoiser, audio: list[Batch], channels: int, drop: list[int]
) -> SpectralDenoiser:
    """Return a network of `channels` channels without the blocks `drop`."""
    seen = _watch(network, audio)
    old, stay = network.state_dict(), [i for i in range(len(network.blocks)) if i not in drop]
    shape = options(network) | {
        "channels": channels,
        "dilations": [network.dilations[i] for i in stay],
        "leave": sum(i < network.leave for i in stay),
        "join": sum(i < network.join for i in stay),
    }
    small = SpectralDenoiser(**shape)
    new = small.state_dict()
    new.update({key: x for key, x in old.items() if key in new and new[key].shape == x.shape})
    kept, stream = select(seen["stream"], channels)
    for name in ("encode_low", "encode_high", "full_band.widen"):
        new[f"{name}.weight"], new[f"{name}.bias"] = (
            old[f"{name}.{part}"][kept] for part in ("weight", "bias")
        )
    new["position"] = old["position"][:, kept]
    film = kept + [network.channels + i for i in kept]  # scale and shift
    for part in ("weight", "bias"):
        new[f"timestep.2.{part}"] = old[f"timestep.2.{part}"][film]
    new["full_band.narrow.weight"] = old["full_band.narrow.weight"] @ stream
    both = torch.block_diag(stream, stream)  # the stream, and what the encoder made
    for name in ("decode_low.weight", "decode_high.weight"):
        heard, bins = old[name].tensor_split([2 * network.channels], dim=1)
        new[name] = torch.cat([heard @ both, bins], dim=1)
    for to, i in enumerate(stay):
        inner = select(seen[f"block {i}"], channels)
        new.update(_block(old, f"blocks.{i}.", f"blocks.{to}.", (kept, stream), inner))
    small.load_state_dict(new)
    return small.eval()


def _block(
    old: dict[str, Tensor], source: str, target: str, stream: Kept, inner: Kept
) -> dict[str, Tensor]:
    return {
        target + "now": (stream[1].T @ old[source + "now"])[:, inner[0]],
        target + "past": (stream[1].T @ old[source + "past"])[:, inner[0]],
        target + "bias": old[source + "bias"][inner[0]],
        target + "mix": old[source + "mix"],
        target + "out.weight": (old[source + "out.weight"] @ inner[1])[stream[0]],
        target + "out.bias": old[source + "out.bias"][stream[0]],
    }


@torch.no_grad()
def _watch(network: SpectralDenoiser, audio: list[Batch]) -> dict[str, Tensor]:
    """Sum the products of channels [channels, channels] wherever channels can be left out."""
    seen: dict[str, Tensor] = {}

    def add(name: str, x: Tensor) -> None:
        rows = x.reshape(-1, x.shape[-1]).double()
        seen[name] = seen.get(name, 0) + rows.T @ rows / len(rows)

    hooks = []
    for i, block in enumerate(network.blocks):
        hooks.append(block.register_forward_hook(lambda m, given, out: add("stream", given[0])))
        hooks.append(
            block.out.register_forward_hook(lambda m, given, out, i=i: add(f"block {i}", given[0]))
        )

    last = network.blocks[-1]  # what it gives is for the decoder alone
    hooks.append(last.register_forward_hook(lambda m, given, out: add("stream", out)))
    for batch in audio:
        network(batch.noisy, zero_timestep(len(batch.noisy)))
    for hook in hooks:
        hook.remove()
    return seen


def select(products: Tensor, count: int) -> Kept:
    """Choose `count` channels by pivoted Cholesky; returns them and how all follow from them."""
    rest, kept = products.clone(), list[int]()
    for _ in range(count):
        gain = rest.square().sum(0) / rest.diagonal().clamp(min=1e-9)
        gain[kept] = -1
        best = int(gain.argmax())
        kept.append(best)
        rest = rest - torch.outer(rest[:, best], rest[best]) / rest[best, best].clamp(min=1e-9)
    kept.sort()
    among = products[kept][:, kept]
    ridge = 1e-6 * among.diagonal().mean() * torch.eye(count, dtype=among.dtype)
    return kept, torch.linalg.solve(among + ridge, products[kept]).T.float()


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("train.thin", thin)


if __name__ == "__main__":
    main()
