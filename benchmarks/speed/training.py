"""Audio-seconds per second of training, and where the time goes.

    python -m benchmarks training PACKED

Without a packed corpus the batches are mixed from sounds made up here: the same work per step.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import torch

from rtdenoise.constants import SAMPLE_RATE
from train.config import TrainConfig, preset
from train.sources import make_sources
from train.trainer import Trainer

from ..reporting import draw_training, markdown, write_result

COLUMNS = {
    "network": "network",
    "batch": "batch",
    "rate": "audio-s/s",
    "step_ms": "ms a step",
    "mixing": "mixing",
    "loss": "loss, forward and backward",
    "network_share": "network and optimiser",
}


def training(
    packed: Path | None, out: Path, networks: list[str], steps: int = 20, device: str = "cpu"
) -> str:
    """Time `steps` steps of each network with the default recipe; write out.json, .md, .png.

    In float32 and in bfloat16, which only some processors have units for.
    """
    with tempfile.TemporaryDirectory() as folder:
        if packed:
            source: dict[str, Any] = {"packed": packed / "train"}
        else:
            source = _made_up(Path(folder))
        rows = [
            _row(network, source | {"bf16": bf16}, steps, device)
            for network in networks
            for bf16 in (False, True)
        ]
    draw_training(rows, out.with_suffix(".png"))
    title = f"Training on {device}, {torch.get_num_threads()} threads: shares of a step's time"
    return write_result(out, {"rows": rows}, markdown(title, COLUMNS, rows))


def _row(network: str, settings: dict[str, Any], steps: int, device: str) -> dict[str, Any]:
    config = dataclasses.replace(preset("default"), network=network, device=device, **settings)
    batches, _, _ = make_sources(config)
    trainer = Trainer(config, per_epoch=steps)
    mixing = inside = 0.0
    for step in range(2 + steps):
        started = time.perf_counter()
        batch = batches.batch(step)
        _finish(device)
        mixed = time.perf_counter()
        trainer.train_step(batch)
        if step >= 2:
            mixing += mixed - started
            inside += time.perf_counter() - mixed
    loss = _loss_seconds(trainer, config, batch, steps)
    whole, seconds = mixing + inside, steps * batch.noisy.numel() / SAMPLE_RATE
    return {
        "network": network + ", bfloat16" * config.bf16,
        "batch": f"{config.batch} x {config.segment / SAMPLE_RATE:g} s",
        "rate": seconds / whole,
        "step_ms": 1000 * whole / steps,
        "mixing": f"{mixing / whole:.0%}",
        "loss": f"{loss / whole:.0%}",
        "network_share": f"{(inside - loss) / whole:.0%}",
    }


def _loss_seconds(trainer: Trainer, config: TrainConfig, batch: Any, steps: int) -> float:
    """Seconds that the loss alone takes in as many steps, forward and backward."""
    estimate = (0.9 * batch.noisy).requires_grad_()
    started = time.perf_counter()
    for step in range(steps):
        dice = torch.Generator().manual_seed(step)
        trainer.loss(estimate, batch.clean, batch.bandwidth, dice).backward()
    _finish(config.device)
    return time.perf_counter() - started


def _finish(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def _made_up(folder: Path) -> dict[str, Any]:
    """Write a minute of hum-like voices and of noise; returns what makes training mix them."""
    dice = np.random.default_rng(0)
    seconds = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    for kind in ("clean", "noise"):
        (folder / kind).mkdir()
        for i in range(6):
            pitch = 2 * np.pi * (90 + 30 * i) * seconds
            voice = sum(np.sin(k * pitch) / k for k in range(1, 20)) * np.sin(9 * seconds) ** 2
            sound = voice if kind == "clean" else dice.standard_normal(len(seconds))
            sf.write(folder / kind / f"{i}.wav", 0.1 * sound, SAMPLE_RATE)
    return {"clean": [folder / "clean"], "noise": [folder / "noise"]}
