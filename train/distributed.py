"""Training in several processes, started by torchrun: gloo on CPUs, NCCL on GPUs.

    torchrun --nproc-per-node 4 -m train --device cuda ...

Every process holds the whole network and takes its parts of each batch. Gradients are averaged by
torch's DistributedDataParallel. Without torchrun there is one process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from .data import Batch, BatchSource


@dataclass
class ProcessGroup:
    """The processes of a training run, and the rank of this one."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes checkpoints and reports progress."""
        return self.rank == 0

    def mean(self, value: Tensor) -> float:
        """Return the mean of a scalar over all processes."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value.item() / self.size

    def broadcast(self, decision: bool, device: str) -> bool:
        """Return the decision of the main process."""
        if self.size == 1:
            return decision
        shared = torch.tensor([decision], dtype=torch.int32, device=device)
        distributed.broadcast(shared, src=0)
        return bool(shared.item())

    def barrier(self) -> None:
        """Wait until every process has called this."""
        if self.size > 1:
            distributed.barrier()

    def wrap(self, network: nn.Module) -> nn.Module:
        """Wrap a network so that its gradients are the mean over all processes."""
        if self.size == 1:
            return network
        return nn.parallel.DistributedDataParallel(network)

    def close(self) -> None:
        """Leave the group."""
        if self.size > 1:
            distributed.destroy_process_group()


def join_process_group(device: str) -> tuple[ProcessGroup, str]:
    """Join the processes that torchrun started. Returns the group and this process's device."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ProcessGroup(), device
    if device.startswith("cuda"):
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return ProcessGroup(distributed.get_rank(), size), device


class DistributedBatches:
    """This process's parts of each batch: part k of step s is batch s * parts + k of the source.

    One process that takes all `parts` and `parts` processes that take one each see equal batches.
    """

    def __init__(self, source: BatchSource, group: ProcessGroup, parts: int) -> None:
        self._source, self._parts = source, parts
        each = parts // group.size
        self._own_parts = range(group.rank * each, (group.rank + 1) * each)

    def batch(self, step: int) -> Batch:
        """Return this process's parts of the batch of a step, joined."""
        return Batch.join([self._source.batch(step * self._parts + k) for k in self._own_parts])
