"""Score models on seen and held-out voices and noises, beside DeepFilterNet 3.

    python -m benchmarks heldout PACKED --model train/state/default.pth
    python -m benchmarks heldout PACKED --quick --model a.pth --model b.pth --model c.pth

PACKED is what `python -m train.data.packing ... --hold-out SOURCE` wrote: validation/ holds whole
sources of voices and noises, seen/ other speakers and recordings of the sources in train/. The
clips hold speech and one recorded noise, no rooms. Scores are kept in a cache, so a second run
computes only what is new.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from ...reporting import write_result
from .cache import ScoreCache
from .findings import findings, without_nan
from .mixtures import ALL_HELD_OUT, CELLS, SNRS, TRAINED_CELLS, Mixture, draw_mixtures
from .report import report
from .scores import start_worker
from .systems import NOISY, System, our_systems, peers
from .tables import Report, Row, extremes_rows, mean_rows

QUICK_CLIPS = 8  # for each SNR: 40 in all
ROBUSTNESS_CLIPS = 3  # for each SNR from 0 dB on


def heldout(
    packed: Path,
    models: list[str],
    out: Path,
    clips: int,
    seed: int,
    quick: bool,
    trained: bool,
    cache: Path,
    workers: int,
    deepfilternet2: Path | None = None,
) -> str:
    """Score `models`, write out.json and out.md, and return the tables.

    `quick` scores the cell where all is held out, and leaves out what listeners
    would say, pauses, level, rumble and offset. `trained` adds mixtures of the recordings that
    `models` were trained on.
    """
    others = peers(deepfilternet2)
    with ExitStack() as stack:
        ours = our_systems(models, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        cells = (ALL_HELD_OUT,) if quick else CELLS
        mixtures = draw_mixtures(packed, cells + TRAINED_CELLS * trained, clips, seed)
        scored = ScoreCache(cache, _pool(stack, workers))
        systems = [System(NOISY), *ours, *others]
        results = {s.name: scored.measure("scores", s, mixtures) for s in systems}
        further = {
            name: [] if quick and name != "extremes" else _rows(name, scored, systems, mixtures)
            for name in CHOICES
        }
    found = without_nan(findings(Report(mixtures, results), ours, others) | further)
    return write_result(out, found, report(found, [system.name for system in ours]))


def _pool(stack: ExitStack, workers: int) -> Executor | None:
    if workers == 1:
        return None
    # Spawned, not forked: a forked onnxruntime session hangs.
    spawn = multiprocessing.get_context("spawn")
    return stack.enter_context(ProcessPoolExecutor(workers, spawn, initializer=start_worker))


def _rows(
    name: str, scored: ScoreCache, systems: Sequence[System], mixtures: Sequence[Mixture]
) -> list[Row]:
    """Return what a further measure says of every system; the noisy mixture has opinions only."""
    chosen = CHOICES[name](mixtures)
    measured = systems if name == "opinions" else systems[1:]
    results = {s.name: scored.measure(name, s, chosen) for s in measured}
    return extremes_rows(results) if name == "extremes" else mean_rows(results)


def _one_of_each_speaker(mixtures: Sequence[Mixture]) -> list[Mixture]:
    """Few speakers would say little of undegraded speech."""
    return list({mixture.speaker: mixture for mixture in reversed(mixtures)}.values())


def _all_held_out(mixtures: Sequence[Mixture], lowest: int = min(SNRS)) -> list[Mixture]:
    return [m for m in mixtures if m.cell == ALL_HELD_OUT and m.snr >= lowest]


def _held_out_from_0_db(mixtures: Sequence[Mixture]) -> list[Mixture]:
    return _all_held_out(mixtures, 0)


def _few_from_0_db(mixtures: Sequence[Mixture]) -> list[Mixture]:
    found = _held_out_from_0_db(mixtures)
    return [m for snr in SNRS for m in [x for x in found if x.snr == snr][:ROBUSTNESS_CLIPS]]


# The mixtures that each further measure takes.
CHOICES: dict[str, Callable[[Sequence[Mixture]], list[Mixture]]] = {
    "extremes": _one_of_each_speaker,
    "opinions": _all_held_out,
    "pauses": _held_out_from_0_db,
    "robustness": _few_from_0_db,
}
