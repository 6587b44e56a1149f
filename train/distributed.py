"""Training in several processes, started by torchrun: gloo on CPUs, NCCL on GPUs.

    torchrun --nproc-per-node 4 -m train --device cuda ...

Every process holds the whole network and takes its share of each batch; gradients are averaged by
torch's DistributedDataParallel. Without torchrun there is one process and nothing to agree on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from .data import Batch, BatchSource


@dataclass
class World:
    """This process among its like."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def mean(self, value: Tensor) -> float:
        """Return the mean of a scalar over all processes."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value.item() / self.size

    def agree(self, decision: bool, device: str) -> bool:
        """Return what the first process decided."""
        if self.size == 1:
            return decision
        said = torch.tensor([decision], dtype=torch.int32, device=device)
        distributed.broadcast(said, src=0)
        return bool(said.item())

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.size > 1:
            distributed.barrier()

    def parallel(self, network: nn.Module) -> nn.Module:
        """Wrap a network so that its gradients are the mean over all processes."""
        if self.size == 1:
            return network
        return nn.parallel.DistributedDataParallel(network)

    def close(self) -> None:
        """Leave the others."""
        if self.size > 1:
            distributed.destroy_process_group()


def join(device: str) -> tuple[World, str]:
    """Join the processes that torchrun started; returns the world and this process's device."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World(), device
    if device.startswith("cuda"):
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return World(distributed.get_rank(), size), device


class Share:
    """The parts of each batch that are this process's: part k of step s is batch s * parts + k.

    One process that takes all `parts` and `parts` processes that take one each train on the same.
    """

    def __init__(self, source: BatchSource, world: World, parts: int) -> None:
        self._source, self._parts = source, parts
        each = parts // world.size
        self._mine = range(world.rank * each, (world.rank + 1) * each)

    def batch(self, step: int) -> Batch:
        """Return this process's share of a step's batch."""
        return Batch.join([self._source.batch(step * self._parts + k) for k in self._mine])
