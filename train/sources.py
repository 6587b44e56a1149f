"""From a configuration to batches for training and validation."""

from __future__ import annotations

from typing import Any

from rtdenoise.errors import RtdenoiseError

from .config import TrainConfig
from .data import AudioDataset, BatchSource, Corpus, PairedBatches, generate_noisy, split
from .distributed import Share, World
from .mixing import Ahead, Degrader, Recipe
from .optim import ConditionedBatches, NoiseSchedule

VALIDATION_SEED = 77


def make_sources(
    config: TrainConfig, world: World | None = None
) -> tuple[BatchSource, BatchSource, int]:
    """Return this process's training batches, validation batches, and the steps of an epoch.

    Raises RtdenoiseError where a batch cannot be shared out evenly.
    """
    world = world or World()
    parts = config.parts or world.size
    if config.batch % parts or parts % world.size:
        raise RtdenoiseError(
            f"a batch of {config.batch} in {parts} parts cannot be shared by {world.size} "
            "processes: use multiples"
        )
    part = config.batch // parts
    make = _mixed if config.packed or config.clean else _paired
    batches, held, steps = make(config, part, world)
    schedule = NoiseSchedule(config.timesteps) if config.noise_schedule else None
    conditioned = ConditionedBatches(batches, schedule, config.timesteps, config.seed)
    share: BatchSource = Share(conditioned, world, parts)
    if config.device.startswith("cuda"):  # on CPUs drawing and training want the same cores
        share = Ahead(share, config.device)
    return share, held, max(1, steps // parts)


def _paired(config: TrainConfig, part: int, world: World) -> tuple[BatchSource, BatchSource, int]:
    if world.first:
        generate_noisy(config.gt_audio, config.gl_audio, config.snr_db)
    world.wait()
    dataset = AudioDataset(config.gt_audio, config.gl_audio, config.segment)
    train, held = split(len(dataset), seed=config.seed)
    batches = PairedBatches(dataset, train, part, config.seed, config.device)
    check = PairedBatches(dataset, held, config.batch, VALIDATION_SEED, config.device)
    return batches, check, batches.steps_per_epoch


def _mixed(config: TrainConfig, part: int, world: World) -> tuple[BatchSource, BatchSource, int]:
    """Mix on the fly; validation speakers are another corpus, or held out of this one."""
    if config.packed:
        corpus = Corpus.load(config.packed)
    else:
        corpus = Corpus.from_directories(config.clean, config.noise, config.rir)
    if config.validation_packed:
        held = Corpus.load(config.validation_packed)
    else:
        corpus, held = corpus.hold_out()
    settings: dict[str, Any] = {
        "segment": config.segment,
        "device": config.device,
        "recipe": Recipe.of(config.recipe),
    }
    parts = config.batch // part
    return (
        Degrader(corpus, part, seed=config.seed, **settings),
        Degrader(held, config.batch, seed=VALIDATION_SEED, **settings),
        config.steps_per_epoch * parts,
    )
