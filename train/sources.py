"""From a configuration to batches for training and validation."""

from __future__ import annotations

from typing import Any

from .batches import BatchSource
from .config import TrainConfig
from .corpus import Corpus
from .data import AudioDataset, PairedBatches, generate_noisy, split
from .degrade import Degrader

VALIDATION_SEED = 77


def make_sources(config: TrainConfig) -> tuple[BatchSource, BatchSource, int]:
    """Return training batches, validation batches, and the steps of an epoch."""
    if config.packed or config.clean:
        return _mixed(config)
    generate_noisy(config.gt_audio, config.gl_audio, config.snr_db)
    dataset = AudioDataset(config.gt_audio, config.gl_audio, config.segment)
    train, held = split(len(dataset), seed=config.seed)
    batches = PairedBatches(dataset, train, config.batch, config.seed, config.device)
    check = PairedBatches(dataset, held, config.batch, VALIDATION_SEED, config.device)
    return batches, check, batches.steps_per_epoch


def _mixed(config: TrainConfig) -> tuple[BatchSource, BatchSource, int]:
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
        "batch": config.batch,
        "segment": config.segment,
        "device": config.device,
    }
    return (
        Degrader(corpus, seed=config.seed, **settings),
        Degrader(held, seed=VALIDATION_SEED, **settings),
        config.steps_per_epoch,
    )
