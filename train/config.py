"""Every constant of a training run, with its meaning and allowed values, and the two presets."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rtdenoise.errors import RtdenoiseError

from .options import check, flag, option

PRESETS = ("baseline", "default")
START, DATA, BATCHES = "Preset and network", "Data", "Batches and epochs"
OPTIMISATION, VALIDATION, RUN = "Loss and optimisation", "Validation", "Run"


def _networks() -> Sequence[str]:
    from .networks import NAMES  # imports torch, which --help alone can do without

    return NAMES


@dataclasses.dataclass
class TrainConfig:
    """All options of a run. The defaults are preset `baseline`, the seed pipeline."""

    preset: str = option(
        "baseline",
        START,
        "Which defaults to start from: the seed pipeline, or the recipe of the bundled model.",
        choices=PRESETS,
    )
    network: str = option("baseline", START, "Architecture to train.", choices=_networks)
    network_options: dict[str, Any] = option(
        {}, START, "Arguments of the network class, such as '{\"channels\": 48}'."
    )
    gt_audio: Path = option(
        Path("gt_audio"), DATA, "Folder of clean 48 kHz mono wav files; used without --clean."
    )
    gl_audio: Path = option(
        Path("gl_audio"), DATA, "Folder of their noisy versions; made where missing."
    )
    snr_db: float = option(10.0, DATA, "SNR of the Gaussian noise in a new --gl-audio, in dB.")
    clean: list[Path] = option(
        [], DATA, "Folders of clean speech, mixed with noise while training.", exists="folder"
    )
    noise: list[Path] = option(
        [], DATA, "Folders of noise recordings, with --clean.", exists="folder"
    )
    rir: list[Path] = option(
        [], DATA, "Folders of room impulse responses, with --clean.", exists="folder"
    )
    packed: Path | None = option(
        None, DATA, "Packed corpus (its train/ folder), instead of --clean.", exists="folder"
    )
    validation_packed: Path | None = option(
        None,
        DATA,
        "Packed corpus for validation, with --packed or --clean; "
        "without it, speakers are held out of the training data.",
        exists="folder",
    )
    recipe: dict[str, Any] = option(
        {}, DATA, "Shares of clips that are degraded, and SNRs, as train/mixing/recipe.py has them."
    )
    segment: int = option(
        48_000, BATCHES, "Length of a clip in samples; a multiple of the network's hop.", least=1
    )
    batch: int = option(32, BATCHES, "Clips in a step, over all processes.", least=1)
    parts: int = option(
        0,
        BATCHES,
        "Number of parts a batch is drawn in; 0 means one for each process. "
        "Equal values give equal batches for any number of processes.",
        least=0,
    )
    epochs: int = option(1000, BATCHES, "Epochs to train.", least=1)
    steps_per_epoch: int = option(
        500, BATCHES, "Steps in an epoch with --clean or --packed.", least=1
    )
    loss: str = option(
        "stft",
        OPTIMISATION,
        "The seed's STFT loss, or multi-resolution spectra, loudness and intelligibility.",
        choices=("stft", "multi"),
    )
    opinion: float = option(
        0.0,
        OPTIMISATION,
        "Weight of the DNSMOS feature loss in --loss multi; 0 leaves it out.",
        least=0,
    )
    loss_weights: dict[str, Any] = option(
        {},
        OPTIMISATION,
        "Weights of the parts of --loss multi, as train/losses/multi_resolution.py has them.",
    )
    optimizer: str = option(
        "adamw",
        OPTIMISATION,
        "Optimiser; muon is AdamW with Muon for matrices.",
        choices=("adamw", "muon"),
    )
    learning_rate: float = option(
        1e-4, OPTIMISATION, "Base learning rate.", above=0, aliases=("--lr",)
    )
    weight_decay: float = option(1e-2, OPTIMISATION, "Decoupled weight decay.", least=0)
    clip: float = option(
        1.0, OPTIMISATION, "Largest norm of the gradient; inf for no limit.", above=0, infinite=True
    )
    schedule: str = option(
        "one_cycle",
        OPTIMISATION,
        "Learning rate over the run; a run with hold_decay can be extended.",
        choices=("one_cycle", "hold_decay"),
    )
    warm_up: float = option(
        0.05,
        OPTIMISATION,
        "Warm-up: a share of all steps (one_cycle) or a number of steps (hold_decay).",
        least=0,
    )
    rising: float = option(
        0.3, OPTIMISATION, "Share of one_cycle in which the rate rises.", least=0, below=1
    )
    decay: float = option(
        0.3, OPTIMISATION, "Share of all steps in which hold_decay decays.", least=0, most=1
    )
    final: float = option(
        1e-3, OPTIMISATION, "Last learning rate as a share of the base rate.", least=0, most=1
    )
    timesteps: int = option(1000, OPTIMISATION, "Number of diffusion timesteps.", least=1)
    noise_schedule: bool = option(
        False, OPTIMISATION, "Add noise to the input, more for larger timesteps."
    )
    ema: float = option(
        0.0,
        OPTIMISATION,
        "Decay of the moving average of the weights; 0 keeps none.",
        least=0,
        below=1,
    )
    bf16: bool = option(False, OPTIMISATION, "Compute in bfloat16 where that is safe.")
    metrics: bool = option(False, VALIDATION, "Measure PESQ, ESTOI and SI-SDR too.")
    validation_batches: int = option(4, VALIDATION, "Batches in a validation.", least=1)
    seed: int = option(0, RUN, "Seed of all random numbers.", above=-1e12, below=1e12)
    device: str = option("cpu", RUN, "Where to train: cpu, cuda or cuda:N, as torch names devices.")
    threads: int = option(0, RUN, "CPU threads; 0 leaves the choice to torch.", least=0)
    checkpoints: Path = option(
        Path("checkpoints"), RUN, "Folder for checkpoints, logs and pictures."
    )
    resume: Path | None = option(
        None, RUN, "Checkpoint to continue: weights, optimiser and step.", exists="file"
    )
    init: Path | None = option(
        None,
        RUN,
        "Checkpoint to take the weights from, for a new run; not with --resume.",
        exists="file",
    )
    max_minutes: float = option(
        0.0, RUN, "Minutes after which to stop; 0 for no limit.", least=0, infinite=True
    )
    tensorboard: bool = option(True, RUN, "Write TensorBoard logs.")

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


def check_config(config: TrainConfig) -> None:
    """Raise RtdenoiseError for a value that is not allowed, and for options that do not combine."""
    check(config)
    folders = [flag(name) for name in ("clean", "noise", "rir") if getattr(config, name)]
    problem = None
    if config.resume and config.init:
        problem = "--init: --resume takes the weights from its checkpoint: give one of the two"
    elif config.packed and folders:
        problem = f"{folders[0]}: --packed holds all recordings: give one of the two"
    elif folders and not config.clean:
        problem = f"{folders[0]} needs clean speech to mix with: give --clean too"
    elif config.validation_packed and not (config.packed or config.clean):
        problem = "--validation-packed needs a corpus to train on: give --packed or --clean too"
    if problem:
        raise RtdenoiseError(problem)


def preset(name: str) -> TrainConfig:
    """Return preset `baseline` (the seed pipeline) or `default` (the bundled model's recipe)."""
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
    raise RtdenoiseError(f"unknown preset {name!r}: use {' or '.join(PRESETS)}")
