"""Training loss of models on fixed mixtures, beside the first of them and DeepFilterNet 3.

    python -m benchmarks losses PACKED --model a.pth --model b.pth

The paired difference of some hundred clips tells apart weights that lie 0.01 of loss apart, within
minutes; validation during training hears a few clips, and PESQ varies from clip to clip. The
mixtures are made of recordings that the training heard, and of those held out, because what is
lacking differs: more kinds of recordings where only the latter have a higher loss than
DeepFilterNet 3, a larger network or longer training where both have.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rtdenoise.constants import SAMPLE_RATE
from train.data import Corpus
from train.losses import MultiResolutionLoss
from train.mixing import PLAIN, Degrader, Recipe

from ..reporting import markdown, write_result
from .heldout.intervals import paired_difference
from .heldout.systems import NOISY, System, load, our_systems, peers

CLIPS, SECONDS, SEED = 8, 2.5, 777  # clips of a batch, and their length
SIDES = {"train": "training's", "validation": "held out"}  # folders of a packed corpus
COLUMNS = {
    "recordings": "recordings",
    "system": "system",
    "loss": "loss",
    "difference": "beside the first",
}

Losses = dict[str, list[float]]  # "loss" and its weighted parts, each with a value for each batch


def losses(packed: Path, models: list[str], out: Path, batches: int, plain: bool = False) -> str:
    """Measure `models` on both sides, write out.json and out.md, and return the table.

    Every clip holds speech and noise; with `plain` nothing else, as in `heldout`. Raises
    RtdenoiseError for a model or a corpus that is not there.
    """
    rows = []
    recipe = dataclasses.replace(PLAIN if plain else Recipe(), only_noise=0, only_clean=0)
    with tempfile.TemporaryDirectory() as folder:
        ours = our_systems(models, Path(folder))
        for side, recordings in SIDES.items():
            corpus = Corpus.load(packed / side)
            source = Degrader(corpus, CLIPS, round(SECONDS * SAMPLE_RATE), SEED, recipe=recipe)
            found = _measure([*ours, *peers(), System(NOISY)], source, batches)
            rows += [_row(recordings, name, found, ours[0].name) for name in found]
    title = f"Training loss on {'plain' if plain else 'training'} mixtures"
    columns = COLUMNS | {name: name for name in rows[0] if name not in COLUMNS}
    return write_result(out, {"rows": rows}, markdown(title, columns, rows))


def _measure(systems: list[System], source: Degrader, batches: int) -> dict[str, Losses]:
    """Return the losses of every system, by name, on the source's first batches."""
    denoisers, distance = {system.name: load(system) for system in systems}, MultiResolutionLoss()
    found: dict[str, Losses] = {name: {} for name in denoisers}
    for step in range(batches):
        batch = source.batch(step)
        for system, denoise in denoisers.items():
            clips = np.stack([denoise(noisy) for noisy in batch.noisy[:, 0].numpy()])
            estimate = torch.from_numpy(clips)[:, None]
            with torch.no_grad():
                parts = distance.parts(estimate, batch.clean, batch.bandwidth)
            for name, value in ({"loss": sum(parts.values())} | parts).items():
                found[system].setdefault(name, []).append(float(value))
    return found


def _row(recordings: str, name: str, found: dict[str, Losses], reference: str) -> dict[str, Any]:
    """Return a system's mean losses, and its loss minus that of `reference`."""
    ours, theirs = found[name]["loss"], found[reference]["loss"]
    batches = [str(number) for number in range(len(ours))]  # drawn independently of each other
    difference = None if name == reference else paired_difference(ours, theirs, batches).text(3)
    means = {key: float(np.mean(values)) for key, values in found[name].items()}
    return {"recordings": recordings, "system": name, "difference": difference} | means
