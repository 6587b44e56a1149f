"""How much each part of the training loss pulls at the weights, and in which direction.

    python -m benchmarks gradients PACKED --checkpoint train/state/default.pth

A part's value says little about its influence: SI-SDR in dB was half of the loss, and three
quarters of its gradient. A part with a small gradient cannot teach anything while another, whose
gradient varies from batch to batch, moves the weights. `--loss-weights` tries other weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtdenoise.constants import SAMPLE_RATE
from train.checkpoint import load_network
from train.data import Corpus
from train.losses import MultiResolutionLoss, check_weights
from train.mixing import Degrader
from train.networks import zero_timestep

from ..reporting import markdown, write_result

CLIPS, SECONDS, SEED = 4, 2.5, 778  # clips of a batch, and their length
COLUMNS = {
    "part": "part of the loss",
    "loss": "weighted loss",
    "gradient": "gradient of a batch, norm",
    "mean": "its mean over all batches, norm",
    "direction": "cosine with the mean of the whole",
}


def gradients(
    packed: Path, checkpoint: Path, out: Path, batches: int, weights: dict[str, Any]
) -> str:
    """Measure the loss's parts on `batches` of training mixtures, write out.json and out.md.

    Returns the table. Raises RtdenoiseError for a checkpoint or a corpus that is not there, and for
    `weights` that are no weights of the loss.
    """
    check_weights(weights)
    network = load_network(checkpoint).train()
    source = Degrader(Corpus.load(packed / "train"), CLIPS, round(SECONDS * SAMPLE_RATE), SEED)
    distance = MultiResolutionLoss(**weights)
    found = [_parts(network, distance, source.batch(step)) for step in range(batches)]
    whole = sum((gradient for parts in found for _, gradient in parts.values()), torch.zeros(()))
    rows = [_row(part, [parts[part] for parts in found], whole) for part in found[0]]
    result = {"weights": weights, "rows": rows}
    return write_result(out, result, markdown("Gradients of the loss", COLUMNS, rows))


def _parts(network: nn.Module, distance: MultiResolutionLoss, batch: Any) -> dict[str, Any]:
    """Return the value of each part and its gradient with respect to all matrices, as a vector."""
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    estimate = network(batch.noisy, zero_timestep(len(batch.noisy), batch.noisy.device))
    parts = distance.parts(estimate, batch.clean, batch.bandwidth)
    return {name: (part.item(), _gradient(part, matrices)) for name, part in parts.items()}


def _gradient(part: Tensor, parameters: list[nn.Parameter]) -> Tensor:
    found = torch.autograd.grad(part, parameters, retain_graph=True, materialize_grads=True)
    return torch.cat([gradient.flatten() for gradient in found])


def _row(part: str, found: list[tuple[float, Tensor]], whole: Tensor) -> dict[str, Any]:
    values, vectors = zip(*found, strict=True)
    mean = torch.stack(vectors).mean(0)
    return {
        "part": part,
        "loss": sum(values) / len(values),
        "gradient": float(torch.stack([vector.norm() for vector in vectors]).mean()),
        "mean": float(mean.norm()),
        "direction": float(F.cosine_similarity(mean, whole, dim=0)),
    }
