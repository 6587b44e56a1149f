"""Compares a network with DeepFilterNet 3 on mixtures of the training corpus.

    python -m benchmarks diagnose PACKED [--checkpoint train/state/default.pth]

The mixtures of the recipe have rooms, band limits and clipping, as in training. Plain mixtures
consist of speech and recorded noise only. A network that leads only on the recipe's mixtures trains
on the wrong mixtures. A network that does better on noises from its training than on other noises
needs more kinds of noise. All speakers are held out of training.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError
from train.checkpoint import load_network
from train.data import Batch, Corpus
from train.metrics import mean_metrics
from train.mixing import PLAIN, Degrader, Recipe
from train.networks import one_pass

from ..peers import deepfilternet as deepfilter
from ..reporting import markdown, write_result
from .quality import Audio

CLIPS, SECONDS = 8, 4  # clips of a batch, and their length
COLUMNS = {
    "mixtures": "mixtures",
    "system": "system",
    "pesq": "PESQ-WB",
    "estoi": "ESTOI",
    "si_sdr": "SI-SDR dB",
    "clips": "clips",
}


def diagnose(packed: Path, checkpoint: Path, out: Path, batches: int) -> str:
    """Score both on three kinds of mixtures; write out.json and out.md and return the table."""
    try:
        deepfilter.DeepFilter()
    except ImportError as error:
        raise RtdenoiseError(
            "diagnose compares with DeepFilterNet 3, which is not installed: "
            "pip install '.[benchmark]'"
        ) from error
    trained, held = (Corpus.load(packed / side) for side in ("train", "validation"))
    network = load_network(checkpoint)
    systems: dict[str, Callable[[Audio], Audio]] = {
        "noisy": lambda audio: audio,
        "rtdenoise": functools.partial(one_pass, network),
        "DeepFilterNet 3": deepfilter.denoise_aligned,
    }
    rows = []
    for name, recipe, noise in (
        ("the recipe's", Recipe(), held.noise),
        ("plain, other noises", PLAIN, held.noise),
        ("plain, training's noises", PLAIN, trained.noise),
    ):
        corpus, samples = Corpus(held.clean, noise, held.rir), SECONDS * SAMPLE_RATE
        source = Degrader(corpus, CLIPS, samples, seed=777, recipe=recipe)
        clips = [clip for i in range(batches) for clip in _with_speech(source.batch(i))]
        for system, denoise in systems.items():
            means = mean_metrics([(clean, denoise(noisy)) for clean, noisy in clips])
            rows.append({"mixtures": name, "system": system, **means, "clips": len(clips)})
    title = "Mixtures of speakers held out of training"
    return write_result(out, {"rows": rows}, markdown(title, COLUMNS, rows))


def _with_speech(batch: Batch) -> list[tuple[Audio, Audio]]:
    """Return (clean, noisy) [samples] of the clips with speech and noise."""
    pairs = zip(batch.clean[:, 0].numpy(), batch.noisy[:, 0].numpy(), strict=True)
    return [(c, n) for c, n in pairs if np.abs(c).max() > 1e-3 and np.abs(n - c).max() > 1e-4]
