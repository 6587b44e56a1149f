"""AdamW that updates matrices with Muon: orthogonalised momentum.

Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/. Steps are scaled as in Liu et al.,
arXiv:2502.16982, equation 4, so that both kinds of parameters use one learning rate.
torch.optim.Muon computes the same in bfloat16, which CPUs without such units emulate: it takes
250 ms per step, this class 10 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, distributed, nn

from rtdenoise.errors import RtdenoiseError

MOMENTUM = 0.95
# Quintic iteration that moves singular values towards 1, quickly rather than exactly.
COEFFICIENTS, ITERATIONS = (3.4445, -4.7750, 2.0315), 5
SHARED = 100_000  # values: processes divide more than this among them, and send each other the rest


class Muon(torch.optim.AdamW):
    """Muon for the hidden matrices of a network, AdamW for everything else.

    With `bf16`, orthogonalisation is computed in bfloat16.
    """

    def __init__(
        self, network: nn.Module, lr: float, weight_decay: float, bf16: bool = False
    ) -> None:
        self.kind = torch.bfloat16 if bf16 else torch.float32
        groups: dict[bool, list[Tensor]] = {True: [], False: []}
        for name, parameter in network.named_parameters():
            groups[is_matrix(name, parameter)].append(parameter)
        super().__init__(
            [{"params": params, "matrices": kind} for kind, params in groups.items() if params],
            lr=lr,
            weight_decay=weight_decay,
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; the gradients of matrices are set to None."""
        for group in self.param_groups:
            if group["matrices"]:
                same_shape: dict[tuple[int, ...], list[Tensor]] = {}
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        same_shape.setdefault(tuple(parameter.shape), []).append(parameter)
                for parameters in same_shape.values():
                    self._step_matrices(parameters, group)
        return super().step(closure)

    def _step_matrices(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Step matrices of one shape together."""
        updates = torch.stack([self._update(parameter) for parameter in parameters])
        rate = 0.2 * max(updates.shape[1:]) ** 0.5 * group["lr"]
        for parameter, update in zip(parameters, self._orthogonal(updates), strict=True):
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update, alpha=-rate)
            parameter.grad = None  # so that AdamW skips it

    def _orthogonal(self, updates: Tensor) -> Tensor:
        """Return `orthogonal` updates; of many, each process computes its share (and sends it)."""
        ready = distributed.is_available() and distributed.is_initialized()
        if not ready or updates.numel() < SHARED or len(updates) < distributed.get_world_size():
            return orthogonal(updates, self.kind)
        share = slice(distributed.get_rank(), None, distributed.get_world_size())
        result = torch.zeros_like(updates)
        result[share] = orthogonal(updates[share], self.kind)
        distributed.all_reduce(result)
        return result

    def _update(self, parameter: Tensor) -> Tensor:
        """Return the Nesterov momentum of the gradient."""
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
            state["step"] = torch.zeros(())  # AdamW needs one when a state is loaded
        gradient = parameter.grad
        assert gradient is not None
        momentum: Tensor = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(momentum, MOMENTUM)


def is_matrix(name: str, parameter: Tensor) -> bool:
    """Return whether a parameter is a matrix of a hidden layer; embeddings are not."""
    return parameter.ndim == 2 and not name.startswith(("position", "timestep"))


def orthogonal(matrices: Tensor, kind: torch.dtype = torch.float32) -> Tensor:
    """Return nearly orthogonal matrices [n, rows, columns] with the same singular vectors.

    Products are computed in `kind`.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = (x / x.flatten(1).norm(dim=1).clamp(min=1e-7)[:, None, None]).to(kind)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)


def make_optimizer(
    name: str, network: nn.Module, lr: float, weight_decay: float, bf16: bool = False
) -> torch.optim.Optimizer:
    """Return the optimiser of a configuration: `adamw` or `muon`."""
    if name == "muon":
        return Muon(network, lr, weight_decay, bf16)
    if name != "adamw":
        raise RtdenoiseError(f"unknown optimizer {name!r}: use adamw or muon")
    return torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=weight_decay)
