"""The training loop. Every step depends on (seed, step) alone, so a resumed run repeats exactly."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError

from .checkpoint import best_name, load_checkpoint, load_weights, network_options, save_checkpoint
from .config import TrainConfig
from .data import Batch, BatchSource
from .device import check_device
from .distributed import World, join
from .losses import MultiResolutionLoss, STFTLoss
from .memory import keep_freed_memory
from .metrics import mean_metrics
from .mixing import Recipe
from .networks import DenoisingNetwork, all_options, build, zero_timestep
from .optim import hold_decay, make_optimizer, one_cycle
from .options import check
from .report import draw_losses, draw_spectrograms
from .screen import Screen, Silence
from .sources import make_sources


class Trainer:
    """Network, optimiser, averages and counters of one run; what a checkpoint holds."""

    def __init__(self, config: TrainConfig, per_epoch: int = 1, world: World | None = None) -> None:
        self.config, self.per_epoch, self.world = config, per_epoch, world or World()
        self.step, self.total, self.best = 0, config.epochs * per_epoch, math.inf
        torch.manual_seed(config.seed)
        if config.threads:
            torch.set_num_threads(config.threads)
        keep_freed_memory()
        self.network: DenoisingNetwork = build(config.network, **config.network_options)
        self.network.to(config.device)
        self.parallel = self.world.parallel(self.network)
        self.loss: nn.Module = STFTLoss()
        if config.loss != "stft":
            self.loss = MultiResolutionLoss(opinion=config.opinion, bf16=config.bf16)
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
        """Take one optimiser step; returns (loss, seconds inside network, loss and optimiser)."""
        seed = self.config.seed * 1_000_003 + self.step
        torch.manual_seed(seed)  # dropout
        started = time.perf_counter()
        dice = torch.Generator().manual_seed(seed)
        with torch.autocast(batch.noisy.device.type, torch.bfloat16, enabled=self.config.bf16):
            estimate = self.parallel(batch.noisy, batch.t).float()
        loss = self.loss(estimate, batch.clean, batch.bandwidth, dice)
        self.optimizer.zero_grad(set_to_none=False)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        if norm.isfinite():  # one bad batch must not end a long run
            self.optimizer.step()
        self.scheduler.step()
        if self.ema is not None:
            self.ema.update_parameters(self.network)
        self.step += 1
        return self.world.mean(loss.detach()), time.perf_counter() - started

    @property
    def averaged(self) -> DenoisingNetwork:
        """The network that is validated and shipped: the moving average where there is one."""
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
        """Continue from a checkpoint. Raises RtdenoiseError where it is of another network."""
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
        """Start from a checkpoint's weights alone."""
        saved = load_checkpoint(path)
        load_weights(self.network, saved.get("ema_state_dict") or saved["model_state_dict"], path)
        if self.ema is not None:
            self.ema.module.load_state_dict(self.network.state_dict())


def train_diffusion_model(config: TrainConfig) -> Path:
    """Train until `epochs` or `max_minutes`; returns the best checkpoint's path.

    Writes checkpoints/best_model_YYYYMMDD_HHMMSS.pth (lowest validation loss) and last.pth (to
    resume), TensorBoard logs, and at the end losses.png and spectrograms.png beside them. Of the
    processes of torchrun only the first writes.
    """
    check(config)
    config = dataclasses.replace(config, network_options=_options(config))
    _check_parts(config)
    world, device = join(config.device)
    try:
        config = dataclasses.replace(config, device=device)
        best = _train(config, world)
        world.wait()  # or torchrun ends the first, which still writes, with one that fails to leave
        return best
    finally:
        world.close()


def _options(config: TrainConfig) -> dict[str, Any]:
    """Return all options: unless some are given, those of where training starts."""
    options, start = config.network_options, config.resume or config.init
    if start and not options:
        saved = load_checkpoint(start)
        alike = saved.get("config", {}).get("network") == config.network
        options = network_options(saved) if alike else {}
    return all_options(config.network, options)  # a checkpoint that tells all can be read for good


def _check_parts(config: TrainConfig) -> None:
    """Raise RtdenoiseError where network, recipe or device cannot be had, before data is read."""
    check_device(config.device)
    Recipe.of(config.recipe)
    if config.schedule == "one_cycle" and config.warm_up > 1:
        raise RtdenoiseError(f"--warm-up: {config.warm_up:g} is not a share of all steps: use 0.05")
    try:
        hop = build(config.network, **config.network_options).hop
    except (TypeError, ValueError, RuntimeError, IndexError, ZeroDivisionError) as error:
        raise RtdenoiseError(
            f"--network-options do not fit network {config.network}: {error}"
        ) from error
    if config.segment % hop:
        nearest = max(1, round(config.segment / hop)) * hop
        raise RtdenoiseError(
            f"--segment: {config.segment} is not a multiple of the network's hop of {hop} samples: "
            f"use {nearest}"
        )


def _train(config: TrainConfig, world: World) -> Path:
    batches, held, per_epoch = make_sources(config, world)
    trainer = Trainer(config, per_epoch, world)
    if config.resume:
        trainer.load(config.resume)
    elif config.init:
        trainer.initialise(config.init)
    best, last = config.checkpoints / best_name(), config.checkpoints / "last.pth"
    if config.resume:
        best = max(config.checkpoints.glob("best_model_*.pth"), default=best)
    screen: Screen | Silence = Screen(config, trainer.total) if world.first else Silence()
    deadline = time.monotonic() + 60 * config.max_minutes if config.max_minutes else math.inf
    losses: list[float] = []
    end = trainer.step >= trainer.total
    while not end:
        started = time.perf_counter()
        batch = batches.batch(trainer.step)
        loss, inside = trainer.train_step(batch)
        losses.append(loss)
        seconds = world.size * batch.noisy.numel() / SAMPLE_RATE  # of audio, all processes'
        elapsed = time.perf_counter() - started
        rate = trainer.optimizer.param_groups[0]["lr"]
        screen.step(trainer.step, loss, rate, seconds, elapsed, inside)
        end = trainer.step == trainer.total or world.agree(
            time.monotonic() >= deadline, config.device
        )
        if (trainer.step % per_epoch and not end) or not world.first:
            continue
        value, metrics, example, estimate = trainer.validate(held)
        trainer.history.append((trainer.step, sum(losses) / len(losses), value))
        screen.epoch(trainer.step, value, metrics)
        losses.clear()
        if value < trainer.best:
            trainer.best = value
            save_checkpoint(best, trainer.state(value))
        save_checkpoint(last, trainer.state(value))
    screen.close()
    if world.first and trainer.history and trainer.step:
        _, _, example, estimate = trainer.validate(held)
        draw_losses(trainer.history, config.checkpoints / "losses.png")
        draw_spectrograms(example, estimate, config.checkpoints / "spectrograms.png")
    return best if best.exists() else last
