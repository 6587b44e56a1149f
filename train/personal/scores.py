"""Scores of a network on fixed mixtures: the user's own, and those of others."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtdenoise.compare import speech_metrics
from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError

from ..data import Bank, Corpus
from ..mixing import PLAIN, Degrader
from ..networks import DenoisingNetwork, one_pass

NAMES = ("pesq", "estoi", "si_sdr")
# One unit of `quality` is one unit of PESQ; as much as 0.2 of ESTOI, or as 10 dB of SI-SDR.
WEIGHTS = np.array([1.0, 5.0, 0.1])
LENGTH = 4 * SAMPLE_RATE  # samples of a mixture
UNTOUCHED = dataclasses.replace(
    PLAIN, only_noise=0, only_clean=0, clipped=0, music=1, snr=((-2.0, 13.0, 1.0),)
)
STAND_IN = dataclasses.replace(UNTOUCHED, recorded=0, synthesised=1, formants=1, effort=0.6)
LEAST_ACTIVE, RANGE = 0.3, 25.0  # share of frames with speech; dB below the loudest of them
FRAME = SAMPLE_RATE // 50  # samples
TRIES = 5  # batches that are drawn until enough clips hold speech

Scores = NDArray[np.float64]  # [clips, 3], in the order of NAMES
Mixture = tuple[NDArray[np.float32], NDArray[np.float32]]  # clean, noisy


def draw_mixtures(speech: Bank, noise: Bank | None, count: int, seed: int) -> list[Mixture]:
    """Return `count` mixtures of speech and noise, unfiltered, always the same ones.

    Without noise, the voice is altered and the noise synthesised, to stand in for others.
    """
    settings: dict[str, Any] = {"recipe": STAND_IN}
    if noise is not None:
        rates = {"speech_rates": (1, 1), "noise_rates": (1, 1)}
        settings |= {"recipe": UNTOUCHED, **rates}
    corpus = Corpus(speech, noise or Bank.empty(), Bank.empty())
    source = Degrader(corpus, count, LENGTH, seed, **settings)
    found: list[Mixture] = []
    for step in range(TRIES):
        batch = source.batch(step)
        pairs = zip(batch.clean[:, 0].numpy(), batch.noisy[:, 0].numpy(), strict=True)
        found += [(clean, noisy) for clean, noisy in pairs if _holds_speech(clean)]
        if len(found) >= count:
            break
    if not found:
        raise RtdenoiseError("no speech in the part of --voice that tests use: record more of it")
    return found[:count]


def _holds_speech(clean: NDArray[np.float32]) -> bool:
    power = np.square(clean.reshape(-1, FRAME)).mean(axis=1)
    return bool(np.mean(power > power.max() * 10 ** (-RANGE / 10)) >= LEAST_ACTIVE)


def score(network: DenoisingNetwork, mixtures: list[Mixture]) -> Scores:
    """Return PESQ-WB, ESTOI and SI-SDR in dB of a network's output for each mixture."""
    rows = []
    for clean, noisy in mixtures:
        found = speech_metrics(clean, one_pass(network, noisy))
        rows.append([found[name] for name in NAMES])
    return np.array(rows)


def quality(scores: Scores) -> float:
    """Return one figure for all measures: the mean over the clips, weighted by WEIGHTS."""
    return float(np.nanmean(scores @ WEIGHTS))
