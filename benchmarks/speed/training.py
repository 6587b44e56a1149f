"""Audio-seconds trained on per second, and the shares of a step's time.

    python -m benchmarks training PACKED

Without a packed corpus, batches are mixed from synthetic sounds, with the same work per step.
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
    "step_ms": "ms per step",
    "mixing": "mixing",
    "loss": "loss, forward and backward",
    "network_share": "network and optimiser",
}


def training(
    packed: Path | None, out: Path, networks: list[str], steps: int = 20, device: str = "cpu"
) -> str:
    """Time `steps` steps of each network with the default recipe; write out.json, .md, .png.

    Each is timed in float32 and in bfloat16, for which only some processors have units.
    """
    with tempfile.TemporaryDirectory() as folder:
        if packed:
            source: dict[str, Any] = {"packed": packed / "train"}
        else:
            source = _make_sounds(Path(folder))
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
    total, seconds = mixing + inside, steps * batch.noisy.numel() / SAMPLE_RATE
    return {
        "network": network + ", bfloat16" * config.bf16,
        "batch": f"{config.batch} x {config.segment / SAMPLE_RATE:g} s",
        "rate": seconds / total,
        "step_ms": 1000 * total / steps,
        "mixing": f"{mixing / total:.0%}",
        "loss": f"{loss / total:.0%}",
        "network_share": f"{(inside - loss) / total:.0%}",
    }


def _loss_seconds(trainer: Trainer, config: TrainConfig, batch: Any, steps: int) -> float:
    """Return the seconds that the loss alone takes in `steps` steps, forward and backward."""
    estimate = (0.9 * batch.noisy).requires_grad_()
    started = time.perf_counter()
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        trainer.loss(estimate, batch.clean, batch.bandwidth, generator).backward()
    _finish(config.device)
    return time.perf_counter() - started


def _finish(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def _make_sounds(folder: Path) -> dict[str, Any]:
    """Write a minute of voice-like hum and of noise. Returns the training options to use them."""
    generator = np.random.default_rng(0)
    seconds = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    for kind in ("clean", "noise"):
        (folder / kind).mkdir()
        for i in range(6):
            pitch = 2 * np.pi * (90 + 30 * i) * seconds
            voice = sum(np.sin(k * pitch) / k for k in range(1, 20)) * np.sin(9 * seconds) ** 2
            sound = voice if kind == "clean" else generator.standard_normal(len(seconds))
            sf.write(folder / kind / f"{i}.wav", 0.1 * sound, SAMPLE_RATE)
    return {"clean": [folder / "clean"], "noise": [folder / "noise"]}
