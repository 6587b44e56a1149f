"""The parts of a training run: network, loss and optimiser, and their state in checkpoints."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from rtdenoise.errors import RtdenoiseError

from .checkpoint import load_checkpoint, load_weights
from .config import TrainConfig
from .data import Batch, BatchSource
from .distributed import ProcessGroup
from .losses import MultiResolutionLoss, STFTLoss
from .memory import keep_freed_memory
from .metrics import mean_metrics
from .networks import DenoisingNetwork, build, zero_timestep
from .optim import hold_decay, make_optimizer, one_cycle


class Trainer:
    """Network, loss, optimiser, averaged weights and counters: the content of a checkpoint."""

    def __init__(
        self, config: TrainConfig, per_epoch: int = 1, group: ProcessGroup | None = None
    ) -> None:
        self.config, self.per_epoch, self.group = config, per_epoch, group or ProcessGroup()
        self.step, self.total, self.best = 0, config.epochs * per_epoch, math.inf
        torch.manual_seed(config.seed)
        if config.threads:
            torch.set_num_threads(config.threads)
        keep_freed_memory()
        self.network: DenoisingNetwork = build(config.network, **config.network_options)
        self.network.to(config.device)
        self.parallel = self.group.wrap(self.network)
        self.loss: nn.Module = STFTLoss()
        if config.loss != "stft":
            weights = config.loss_weights
            self.loss = MultiResolutionLoss(opinion=config.opinion, bf16=config.bf16, **weights)
        self.loss.to(config.device)
        self.optimizer = make_optimizer(
            config.optimizer,
            self.network,
            config.learning_rate,
            config.weight_decay,
            config.bf16,
        )
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._factor)
        self.ema = None
        if config.ema:
            average = get_ema_multi_avg_fn(config.ema)
            self.ema = AveragedModel(self.network, multi_avg_fn=average)
        self.history: list[tuple[int, float, float]] = []  # step, training, validation loss

    def _factor(self, step: int) -> float:
        c = self.config
        if c.schedule == "hold_decay":
            return hold_decay(step, self.total, c.warm_up, c.decay, c.final)
        if c.schedule != "one_cycle":
            raise RtdenoiseError(f"unknown schedule {c.schedule!r}: use one_cycle or hold_decay")
        return one_cycle(step, self.total, c.warm_up, c.rising, c.final)

    def train_step(self, batch: Batch) -> tuple[float, float]:
        """Take one optimiser step. Returns the loss and the seconds spent, without mixing."""
        seed = self.config.seed * 1_000_003 + self.step
        torch.manual_seed(seed)  # dropout
        started = time.perf_counter()
        generator = torch.Generator().manual_seed(seed)
        with torch.autocast(batch.noisy.device.type, torch.bfloat16, enabled=self.config.bf16):
            estimate = self.parallel(batch.noisy, batch.t).float()
        loss = self.loss(estimate, batch.clean, batch.bandwidth, generator)
        self.optimizer.zero_grad(set_to_none=False)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        if norm.isfinite():  # one bad batch must not spoil a long run
            self.optimizer.step()
        self.scheduler.step()
        if self.ema is not None:
            self.ema.update_parameters(self.network)
        self.step += 1
        return self.group.mean(loss.detach()), time.perf_counter() - started

    @property
    def averaged(self) -> DenoisingNetwork:
        """The network that is validated and exported: with averaged weights if there are any."""
        return self.ema.module if self.ema is not None else self.network  # type: ignore

    @torch.no_grad()
    def validate(self, source: BatchSource) -> tuple[float, dict[str, float], Batch, Tensor]:
        """Return the loss over all validation batches, the metrics, a batch and its estimate."""
        network = self.averaged.eval()
        losses, pairs = [], []
        for i in range(self.config.validation_batches):
            batch = source.batch(i)
            t = zero_timestep(len(batch.noisy), batch.noisy.device)
            estimate = network(batch.noisy, t)
            losses.append(self.loss(estimate, batch.clean, batch.bandwidth).item())
            pairs += [
                (c[0].cpu().numpy(), e[0].cpu().numpy())
                for c, e in zip(batch.clean, estimate, strict=True)
            ]
        self.network.train()
        metrics = mean_metrics(pairs) if self.config.metrics else {}
        return sum(losses) / len(losses), metrics, batch, estimate

    def state(self, loss: float) -> dict[str, Any]:
        """Return the checkpoint."""
        return {
            "model_state_dict": self.network.state_dict(),
            "optimizer_state_dict": self.optimizer.state_dict(),
            "scheduler_state_dict": self.scheduler.state_dict(),
            "ema_state_dict": self.ema.module.state_dict() if self.ema is not None else None,
            "epoch": self.step // self.per_epoch,
            "step": self.step,
            "loss": loss,
            "best": self.best,
            "history": json.dumps(self.history),
            "config": self.config.plain(),
        }

    def load(self, path: Path) -> None:
        """Continue from a checkpoint. Raises RtdenoiseError if it holds another network."""
        saved = load_checkpoint(path)
        load_weights(self.network, saved["model_state_dict"], path)
        try:
            self.optimizer.load_state_dict(saved["optimizer_state_dict"])
        except ValueError as error:
            raise RtdenoiseError(f"{path} holds another optimiser's state: use --init") from error
        self.step = saved.get("step", saved["epoch"] * self.per_epoch)
        self.scheduler.last_epoch = self.step
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * self._factor(self.step)
        if self.ema is not None and saved.get("ema_state_dict"):
            load_weights(self.ema.module, saved["ema_state_dict"], path)
            self.ema.n_averaged.fill_(max(1, self.step))
        self.best = saved.get("best", saved["loss"])
        self.history = [tuple(row) for row in json.loads(saved.get("history", "[]"))]

    def initialise(self, path: Path) -> None:
        """Start from the weights of a checkpoint, averaged ones if it holds them."""
        saved = load_checkpoint(path)
        load_weights(self.network, saved.get("ema_state_dict") or saved["model_state_dict"], path)
        if self.ema is not None:
            self.ema.module.load_state_dict(self.network.state_dict())
