"""Fixed mixtures of speech and noise, the same for every system.

Each cell has its own voices and noises. Speakers are spread over the sources, and noises over the
classes, as evenly as the number of clips allows; everything is a function of the packed corpus,
the seed and the number of clips.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError
from train.data import FULL_SCALE, Bank, Corpus, require_sources

from .levels import ACTIVE_RANGE, Audio, frame_levels, gain, noise_level, speech_level

SEED = 26
LENGTH = 4 * SAMPLE_RATE  # samples of a clip
SEEN, HELD_OUT, TRAINED = "seen", "held-out", "training"
FOLDERS = {SEEN: "seen", HELD_OUT: "validation", TRAINED: "train"}  # of a packed corpus
SNRS = (-5, 0, 5, 10, 15)  # dB
LEVEL = -26.0  # dBFS of the active speech, the nominal level of ITU-T P.56 and P.800
PEAK = 0.99  # of full scale, at most
TRIES = 20  # positions in a recording that are tried
LEAST_ACTIVE, LEAST_RANGE = 0.4, 30.0  # share of frames with speech; dB between speech and pauses
FAINTEST_NOISE = -75.0  # dBFS
SHORTEST_NOISE = SAMPLE_RATE  # samples; shorter ones, repeated, would be a buzz


@dataclasses.dataclass(frozen=True)
class Cell:
    """Where the voices and the noises of a group of mixtures come from."""

    voices: str
    noises: str

    def __str__(self) -> str:
        return f"{self.voices} voices, {self.noises} noises"


ALL_SEEN, ALL_HELD_OUT = Cell(SEEN, SEEN), Cell(HELD_OUT, HELD_OUT)
CELLS = (ALL_SEEN, Cell(SEEN, HELD_OUT), Cell(HELD_OUT, SEEN), ALL_HELD_OUT)
# What a network gains by being larger shows where it knows all, what it lacks in variety elsewhere.
TRAINED_CELLS = (Cell(TRAINED, TRAINED), Cell(TRAINED, HELD_OUT), Cell(HELD_OUT, TRAINED))


@dataclasses.dataclass(frozen=True)
class Mixture:
    """A clean clip and the same with noise, float32 [LENGTH] at 48 kHz."""

    cell: Cell
    snr: int  # dB
    speaker: str
    noise: str  # class
    bandwidth: float  # Hz, of the speech
    clean: Audio
    noisy: Audio

    @property
    def sources(self) -> set[str]:
        """The sources of the voice and of the noise."""
        return {name.split("/")[0] for name in (self.speaker, self.noise)}

    @functools.cached_property
    def key(self) -> str:
        """A hash of the samples."""
        return hashlib.sha256(self.clean.tobytes() + self.noisy.tobytes()).hexdigest()[:24]


def draw_mixtures(
    packed: Path,
    cells: tuple[Cell, ...],
    count: int,
    seed: int = SEED,
    without: Collection[str] = (),
) -> list[Mixture]:
    """Return `count` mixtures for each cell and SNR, and leave out those of sources `without`.

    Raises RtdenoiseError without the banks, for an unknown source, and if nothing is left.
    """
    sides = {side for cell in cells for side in (cell.voices, cell.noises)}
    corpora = {side: _load(packed, side) for side in sides}
    banks = [bank for corpus in corpora.values() for bank in (corpus.clean, corpus.noise)]
    require_sources(banks, without, str(packed))
    mixtures = []
    for cell in cells:
        for number, snr in enumerate(SNRS):
            rng = np.random.default_rng([seed, (*CELLS, *TRAINED_CELLS).index(cell), number])
            voices = _draw_voices(corpora[cell.voices].clean, count, rng)
            noises = _draw_noises(corpora[cell.noises].noise, count, rng)
            for (speaker, bandwidth, speech), (label, noise) in zip(voices, noises, strict=True):
                clean, noisy = mix(speech, noise, snr)
                mixtures.append(Mixture(cell, snr, speaker, label, bandwidth, clean, noisy))
    kept = [mixture for mixture in mixtures if mixture.sources.isdisjoint(without)]
    if missing := [str(cell) for cell in cells if not any(m.cell == cell for m in kept)]:
        raise RtdenoiseError(
            f"without {', '.join(without)} no mixture is left of {missing[0]}: draw more clips"
        )
    return kept


def mix(speech: Audio, noise: Audio, snr: float) -> tuple[Audio, Audio]:
    """Return (clean, noisy) at `snr` dB; the speech at LEVEL, or lower if it would clip."""
    speech = speech * gain(LEVEL - speech_level(speech))
    noise = noise * gain(LEVEL - snr - noise_level(noise))
    noisy = speech + noise
    scale = np.float32(min(1.0, PEAK / max(np.abs(noisy).max(), np.abs(speech).max())))
    return speech * scale, noisy * scale


def _load(packed: Path, side: str) -> Corpus:
    folder = packed / FOLDERS[side]
    if not folder.is_dir():
        raise RtdenoiseError(
            f"{packed} has no {FOLDERS[side]}/: pack the corpus with `python -m train.data.packing "
            "CORPUS PACKED --hold-out SOURCE`"
        )
    corpus = Corpus.load(folder)
    if not len(corpus.noise):
        raise RtdenoiseError(f"{folder} has no noise: hold out a source of noises, too")
    return corpus


def _spread(weights: NDArray, count: int, rng: np.random.Generator) -> NDArray:
    """Draw `count` indices, each as often as its weight says to within one, in random order."""
    total = np.cumsum(weights) / np.sum(weights)
    at = (np.arange(count) + rng.random()) / count
    return rng.permutation(np.searchsorted(total, at))


def _draw_voices(
    bank: Bank, count: int, rng: np.random.Generator
) -> list[tuple[str, float, Audio]]:
    """Return (speaker, bandwidth in Hz, samples) of `count` clips of speech.

    A source counts as the root of the number of its speakers, who count alike.
    """
    lengths = (bank.run_ends - bank.run_starts).numpy()
    runs = np.flatnonzero(lengths >= LENGTH)
    if not len(runs):
        raise RtdenoiseError("no speaker held out has 4 s of speech: hold out more")
    sources = [bank.clips[int(bank.run_first[run])].source for run in runs]
    many = Counter(sources)
    weights = np.array([many[source] ** -0.5 for source in sources])
    return [_cut_voice(bank, runs[i], rng) for i in _spread(weights, count, rng)]


def _cut_voice(bank: Bank, run: int, rng: np.random.Generator) -> tuple[str, float, Audio]:
    """Cut a clip with enough speech and a quiet background, or the best of TRIES."""
    first, last = int(bank.run_starts[run]), int(bank.run_ends[run]) - LENGTH
    best: tuple[float, int] = (-np.inf, first)
    for _ in range(TRIES):
        start = int(rng.integers(first, last + 1))
        found = _fitness(_samples(bank, start))
        best = max(best, (found, start))
        if found >= 0:
            break
    start = best[1]
    clips = range(
        int(np.searchsorted(bank.starts.numpy(), start, side="right")) - 1,
        int(np.searchsorted(bank.starts.numpy(), start + LENGTH)),
    )
    bandwidth = min(bank.clips[i].bandwidth for i in clips)
    return bank.clips[clips[0]].speaker, bandwidth, _samples(bank, start)


def _fitness(speech: Audio) -> float:
    """Return 0 for a clip fit to be a clean reference, or by how many dB (or how far) it is not."""
    levels = frame_levels(speech)
    sounding = levels[levels > -90]
    if not len(sounding):
        return -np.inf
    active = np.mean(levels > levels.max() - ACTIVE_RANGE)
    background = np.percentile(sounding, 95) - np.percentile(sounding, 5)
    lacking = max(0.0, LEAST_RANGE - background) + 100 * max(0.0, LEAST_ACTIVE - active)
    return -float(lacking)


def _draw_noises(bank: Bank, count: int, rng: np.random.Generator) -> list[tuple[str, Audio]]:
    """Return (class, samples) of `count` clips of noise.

    A source counts as the root of the number of its classes, which count alike: one collection with
    many small classes does not make up most of the noise.
    """
    classes: dict[str, list[int]] = {}
    for index, clip in enumerate(bank.clips):
        if clip.length >= SHORTEST_NOISE:
            classes.setdefault(clip.speaker, []).append(index)
    if not classes:
        raise RtdenoiseError("no noise held out lasts 1 s: hold out longer ones")
    names = sorted(classes)
    sources = [bank.clips[classes[name][0]].source for name in names]
    many = Counter(sources)
    weights = np.array([many[source] ** -0.5 for source in sources])
    picks = [names[i] for i in _spread(weights, count, rng)]
    return [(name, _cut_noise(bank, classes[name], rng)) for name in picks]


def _cut_noise(bank: Bank, clips: list[int], rng: np.random.Generator) -> Audio:
    """Cut a clip that is not silent, repeating a short recording; the loudest of TRIES if all are.

    A class that is silent everywhere is refused by the packer.
    """
    best: tuple[float, Audio] | None = None
    for _ in range(TRIES):
        clip = bank.clips[clips[int(rng.integers(len(clips)))]]
        start = clip.start + int(rng.integers(max(1, clip.length - LENGTH + 1)))
        noise = np.resize(_samples(bank, start, min(LENGTH, clip.length)), LENGTH)
        level = noise_level(noise)
        if best is None or level > best[0]:
            best = level, noise
        if level >= FAINTEST_NOISE:
            break
    assert best is not None
    return best[1]


def _samples(bank: Bank, start: int, length: int = LENGTH) -> Audio:
    return bank.samples[start : start + length].numpy().astype(np.float32) / np.float32(FULL_SCALE)
