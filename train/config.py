"""Every constant of a training run, and the two presets."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from rtdenoise.errors import RtdenoiseError


@dataclasses.dataclass
class TrainConfig:
    """The seed's table (preset `baseline`); `preset("default")` gives the improved recipe."""

    preset: str = "baseline"
    network: str = "baseline"
    network_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    loss: str = "stft"  # "stft" (the seed) or "multi"
    opinion: float = 0.0  # of "multi": weight of train/opinion.py, for the last part of a training
    # data: paired folders, or directories mixed on the fly, or a packed corpus
    gt_audio: Path = Path("gt_audio")
    gl_audio: Path = Path("gl_audio")
    snr_db: float = 10.0  # of the Gaussian noise in a generated gl_audio
    clean: list[Path] = dataclasses.field(default_factory=list)
    noise: list[Path] = dataclasses.field(default_factory=list)
    rir: list[Path] = dataclasses.field(default_factory=list)
    packed: Path | None = None
    validation_packed: Path | None = None
    recipe: dict[str, float] = dataclasses.field(default_factory=dict)  # see train/recipe.py
    # optimisation
    epochs: int = 1000
    steps_per_epoch: int = 500  # where data is mixed on the fly; paired data has its own
    batch: int = 32  # clips a step, of all processes together
    parts: int = 0  # in which a batch is drawn; 0: one for each process of torchrun
    segment: int = 48_000  # samples
    optimizer: str = "adamw"  # or "muon"
    learning_rate: float = 1e-4
    weight_decay: float = 1e-2
    clip: float = 1.0  # largest gradient norm
    schedule: str = "one_cycle"  # or "hold_decay", whose level part can be resumed at will
    warm_up: float = 0.05  # share of all steps; of hold_decay: steps
    rising: float = 0.3  # of one_cycle
    decay: float = 0.3  # of hold_decay: the last share of all steps
    final: float = 1e-3
    timesteps: int = 1000
    noise_schedule: bool = False  # True: larger t adds more noise to the input
    ema: float = 0.0  # decay; 0 keeps no average
    bf16: bool = False
    metrics: bool = False  # PESQ, ESTOI, SI-SDR on validation
    validation_batches: int = 4
    # the run
    seed: int = 0
    device: str = "cpu"
    threads: int = 0  # 0: torch's choice
    checkpoints: Path = Path("checkpoints")
    resume: Path | None = None
    init: Path | None = None  # weights to start from
    max_minutes: float = 0.0  # 0: no limit
    tensorboard: bool = True

    def plain(self) -> dict[str, Any]:
        """Return the configuration in types that a checkpoint can hold."""
        return {
            key: str(value)
            if isinstance(value, Path)
            else [str(v) if isinstance(v, Path) else v for v in value]
            if isinstance(value, list)
            else value
            for key, value in dataclasses.asdict(self).items()
        }


def preset(name: str) -> TrainConfig:
    """Return preset `baseline` (the seed to the letter) or `default` (the improved recipe)."""
    if name == "baseline":
        return TrainConfig()
    if name == "default":
        return TrainConfig(
            preset="default",
            network="default",
            loss="multi",
            batch=8,
            segment=120_000,
            optimizer="muon",
            learning_rate=5e-3,
            epochs=60,
            steps_per_epoch=100,
            schedule="hold_decay",
            warm_up=50,
            decay=0.65,
            noise_schedule=True,
            ema=0.99,
            metrics=True,
        )
    raise RtdenoiseError(f"unknown preset {name!r}: use baseline or default")
