"""The training loop. Every step depends on (seed, step) alone, so a resumed run repeats exactly."""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path
from typing import Any

from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError

from .checkpoint import best_name, load_checkpoint, network_options, save_checkpoint
from .config import TrainConfig, check_config
from .device import check_device
from .distributed import ProcessGroup, join_process_group
from .losses import check_weights
from .mixing import Recipe
from .networks import all_options, build
from .plots import draw_losses, draw_spectrograms
from .progress import NoProgress, Progress
from .sources import make_sources
from .trainer import Trainer


def train_diffusion_model(config: TrainConfig) -> Path:
    """Train until `epochs` or `max_minutes`. Returns the path of the best checkpoint.

    Writes best_model_YYYYMMDD_HHMMSS.pth (lowest validation loss), last.pth (to resume) and
    TensorBoard logs into the folder `checkpoints`, and at the end losses.png and spectrograms.png.
    Under torchrun only the main process writes. Raises RtdenoiseError before any work starts if
    an option is wrong.
    """
    check_config(config)
    config = dataclasses.replace(config, network_options=_network_options(config))
    _check_together(config)
    group, device = join_process_group(config.device)
    try:
        best = _train(dataclasses.replace(config, device=device), group)
        group.barrier()  # torchrun would end the main process with the others while it still writes
        return best
    finally:
        group.close()


def _train(config: TrainConfig, group: ProcessGroup) -> Path:
    batches, validation, per_epoch = make_sources(config, group)
    trainer = Trainer(config, per_epoch, group)
    best, last = _start(trainer, config)
    progress = Progress(config, trainer.total) if group.is_main else NoProgress()
    deadline = time.monotonic() + 60 * config.max_minutes if config.max_minutes else math.inf
    losses: list[float] = []
    end = trainer.step >= trainer.total
    while not end:
        started = time.perf_counter()
        batch = batches.batch(trainer.step)
        loss, training_time = trainer.train_step(batch)
        losses.append(loss)
        audio = group.size * batch.noisy.numel() / SAMPLE_RATE  # seconds, in all processes
        elapsed = time.perf_counter() - started
        rate = trainer.optimizer.param_groups[0]["lr"]
        progress.step(trainer.step, loss, rate, audio, elapsed, training_time)

        late = time.monotonic() >= deadline
        end = trainer.step == trainer.total or group.broadcast(late, config.device)
        if (trainer.step % per_epoch and not end) or not group.is_main:
            continue

        value, metrics, _, _ = trainer.validate(validation)
        trainer.history.append((trainer.step, sum(losses) / len(losses), value))
        progress.epoch(trainer.step, value, metrics)
        losses.clear()
        if value < trainer.best:
            trainer.best = value
            save_checkpoint(best, trainer.state(value))
        save_checkpoint(last, trainer.state(value))
    progress.close()
    if group.is_main and trainer.history and trainer.step:
        _, _, example, estimate = trainer.validate(validation)
        draw_losses(trainer.history, config.checkpoints / "losses.png")
        draw_spectrograms(example, estimate, config.checkpoints / "spectrograms.png")
    return best if best.exists() else last


def _start(trainer: Trainer, config: TrainConfig) -> tuple[Path, Path]:
    """Load the checkpoint that training starts from. Returns the paths of best and last ones."""
    best, last = config.checkpoints / best_name(), config.checkpoints / "last.pth"
    if config.resume:
        trainer.load(config.resume)
        best = max(config.checkpoints.glob("best_model_*.pth"), default=best)
    elif config.init:
        trainer.initialise(config.init)
    return best, last


def _network_options(config: TrainConfig) -> dict[str, Any]:
    """Return all options of the network: the given ones, or those of the checkpoint it starts from.

    Checkpoints hold all of them, so that new defaults do not change the network of an old file.
    """
    options, start = config.network_options, config.resume or config.init
    if start and not options:
        saved = load_checkpoint(start)
        same = saved.get("config", {}).get("network") == config.network
        options = network_options(saved) if same else {}
    return all_options(config.network, options)


def _check_together(config: TrainConfig) -> None:
    """Raise RtdenoiseError if options do not fit the network or this machine."""
    check_device(config.device)
    Recipe.of(config.recipe)
    if config.loss_weights and config.loss != "multi":
        raise RtdenoiseError("--loss-weights are of the parts of --loss multi: add it")
    check_weights(config.loss_weights)
    if config.schedule == "one_cycle" and config.warm_up > 1:
        raise RtdenoiseError(f"--warm-up: {config.warm_up:g} is not a share of all steps: use 0.05")
    try:
        hop = build(config.network, **config.network_options).hop
    except (TypeError, ValueError, RuntimeError, IndexError, ZeroDivisionError) as error:
        raise RtdenoiseError(
            f"--network-options do not fit network {config.network}: {str(error).splitlines()[0]}"
        ) from error
    if config.segment % hop:
        nearest = max(1, round(config.segment / hop)) * hop
        raise RtdenoiseError(
            f"--segment: {config.segment} is not a multiple of the network's hop of {hop} samples: "
            f"use {nearest}"
        )
