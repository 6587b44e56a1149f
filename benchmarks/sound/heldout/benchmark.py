"""Score models on seen and held-out voices and noises, beside DeepFilterNet 3.

    python -m benchmarks heldout PACKED --model train/state/default.pth
    python -m benchmarks heldout PACKED --quick --model a.pth --model b.pth --model c.pth

PACKED is what `python -m train.data.packing ... --hold-out SOURCE` wrote: validation/ holds whole
sources of voices and noises, seen/ other speakers and recordings of the sources in train/. The
clips hold speech and one recorded noise, no rooms. Scores are kept in a cache, so a second run
computes only what is new.
"""

from __future__ import annotations

import dataclasses
import functools
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


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which mixtures are scored: `clips` for each cell and SNR, drawn with `seed`.

    `quick` takes the cell where all is held out, and leaves out what listeners would say, pauses,
    leads, level, rumble and offset. `trained` adds mixtures of recordings that the models were
    trained on. Mixtures of the sources `without` are left out: one of the models may know them.
    """

    clips: int
    seed: int
    quick: bool = False
    trained: bool = False
    without: tuple[str, ...] = ()

    def draw(self, packed: Path) -> list[Mixture]:
        """Return the mixtures. Raises RtdenoiseError as `draw_mixtures` does."""
        cells = ((ALL_HELD_OUT,) if self.quick else CELLS) + TRAINED_CELLS * self.trained
        return draw_mixtures(packed, cells, self.clips, self.seed, self.without)


def heldout(
    packed: Path,
    models: list[str],
    out: Path,
    choice: Choice,
    cache: Path,
    workers: int,
    deepfilternet2: Path | None = None,
) -> str:
    """Score `models` on the chosen mixtures, write out.json and out.md, and return the tables."""
    others = peers(deepfilternet2)
    with ExitStack() as stack:
        ours = our_systems(models, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        mixtures = choice.draw(packed)
        scored = ScoreCache(cache, _pool(stack, workers))
        systems = [System(NOISY), *ours, *others]
        results = {s.name: scored.measure("scores", s, mixtures) for s in systems}
        rows = functools.partial(_rows, scored, systems, mixtures)
        quick = choice.quick
        further = {n: [] if quick and n != "extremes" else rows(n) for n in FURTHER}
    found = without_nan(findings(Report(mixtures, results), ours, others) | further)
    return write_result(out, found, report(found, [system.name for system in ours]))


def _pool(stack: ExitStack, workers: int) -> Executor | None:
    if workers == 1:
        return None
    # Spawned, not forked: a forked onnxruntime session hangs.
    spawn = multiprocessing.get_context("spawn")
    return stack.enter_context(ProcessPoolExecutor(workers, spawn, initializer=start_worker))


def _rows(
    scored: ScoreCache, systems: Sequence[System], mixtures: Sequence[Mixture], name: str
) -> list[Row]:
    """Return what a further measure says of every system; the noisy mixture has opinions only."""
    chosen = FURTHER[name](mixtures)
    measured = systems if name == "opinions" else systems[1:]
    results = {s.name: scored.measure(name, s, chosen) for s in measured}
    return extremes_rows(results) if name == "extremes" else mean_rows(results)


def _one_of_each_speaker(mixtures: Sequence[Mixture]) -> list[Mixture]:
    """Few speakers would say little of undegraded speech."""
    return list({mixture.speaker: mixture for mixture in reversed(mixtures)}.values())


def _all_held_out(mixtures: Sequence[Mixture]) -> list[Mixture]:
    return [m for m in mixtures if m.cell == ALL_HELD_OUT]


def _held_out_from_0_db(mixtures: Sequence[Mixture]) -> list[Mixture]:
    return [m for m in _all_held_out(mixtures) if m.snr >= 0]


def _few_from_0_db(mixtures: Sequence[Mixture]) -> list[Mixture]:
    found = _held_out_from_0_db(mixtures)
    return [m for snr in SNRS for m in [x for x in found if x.snr == snr][:ROBUSTNESS_CLIPS]]


# The mixtures that each further measure takes.
FURTHER: dict[str, Callable[[Sequence[Mixture]], list[Mixture]]] = {
    "extremes": _one_of_each_speaker,
    "opinions": _all_held_out,
    "pauses": _held_out_from_0_db,
    "leads": _held_out_from_0_db,
    "robustness": _few_from_0_db,
}
