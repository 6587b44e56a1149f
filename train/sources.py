"""From a configuration to batches for training and validation."""

from __future__ import annotations

from typing import Any

from rtdenoise.errors import RtdenoiseError

from .config import TrainConfig
from .data import (
    AudioDataset,
    BatchSource,
    Corpus,
    PairedBatches,
    generate_noisy,
    require_sources,
    split,
)
from .distributed import DistributedBatches, ProcessGroup
from .mixing import Degrader, Prefetcher, Recipe
from .optim import ConditionedBatches, NoiseSchedule

VALIDATION_SEED = 77
Sources = tuple[BatchSource, BatchSource, int]  # training, validation, steps of an epoch


def make_sources(config: TrainConfig, group: ProcessGroup | None = None) -> Sources:
    """Return this process's training batches, validation batches, and the steps of an epoch.

    Raises RtdenoiseError if a batch cannot be divided evenly among the processes.
    """
    group = group or ProcessGroup()
    parts = config.parts or group.size
    if config.batch % parts or parts % group.size:
        raise RtdenoiseError(
            f"a batch of {config.batch} in {parts} parts cannot be divided among {group.size} "
            "processes: use multiples"
        )
    part = config.batch // parts
    make = _mixed if config.packed or config.clean else _paired
    batches, validation, steps = make(config, part, group)
    schedule = NoiseSchedule(config.timesteps) if config.noise_schedule else None
    conditioned = ConditionedBatches(batches, schedule, config.timesteps, config.seed)
    source: BatchSource = DistributedBatches(conditioned, group, parts)
    if config.device.startswith("cuda"):  # on CPUs, mixing and training compete for the same cores
        source = Prefetcher(source, config.device)
    return source, validation, max(1, steps // parts)


def _paired(config: TrainConfig, part: int, group: ProcessGroup) -> Sources:
    if group.is_main:
        generate_noisy(config.gt_audio, config.gl_audio, config.snr_db)
    group.barrier()
    dataset = AudioDataset(config.gt_audio, config.gl_audio, config.segment)
    train, held_out = split(len(dataset), seed=config.seed)
    batches = PairedBatches(dataset, train, part, config.seed, config.device)
    validation = PairedBatches(dataset, held_out, config.batch, VALIDATION_SEED, config.device)
    return batches, validation, batches.steps_per_epoch


def _mixed(config: TrainConfig, part: int, group: ProcessGroup) -> Sources:
    """Mix on the fly; validation speakers come from another corpus or are held out."""
    if config.packed:
        corpus = Corpus.load(config.packed)
    else:
        corpus = Corpus.from_directories(config.clean, config.noise, config.rir)
    if config.validation_packed:
        validation = Corpus.load(config.validation_packed)
    else:
        corpus, validation = corpus.hold_out()
    recipe = Recipe.of(config.recipe)
    require_sources([corpus.clean], recipe.sources, "recipe: the speech")
    settings: dict[str, Any] = {
        "segment": config.segment,
        "device": config.device,
        "recipe": recipe,
    }
    parts = config.batch // part
    return (
        Degrader(corpus, part, seed=config.seed, **settings),
        Degrader(validation, config.batch, seed=VALIDATION_SEED, **settings),
        config.steps_per_epoch * parts,
    )
