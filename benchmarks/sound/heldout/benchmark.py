"""Score models on seen and held-out voices and noises, beside DeepFilterNet 3.

    python -m benchmarks heldout PACKED --model train/state/default.pth
    python -m benchmarks heldout PACKED --quick --model a.pth --model b.pth --model c.pth

PACKED is what `python -m train.data.packing ... --hold-out SOURCE` wrote: validation/ holds whole
sources of voices and noises, seen/ other speakers and recordings of the sources in train/. The
clips hold speech and one recorded noise, no rooms. Scores are kept in a cache, so a second run
computes only what is new.
"""

from __future__ import annotations

import math
import multiprocessing
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ...reporting import write_result
from ..quality import OPINIONS
from .cache import ScoreCache
from .mixtures import (
    ALL_HELD_OUT,
    ALL_SEEN,
    CELLS,
    HELD_OUT,
    SNRS,
    TRAINED_CELLS,
    Mixture,
    draw_mixtures,
)
from .scores import ERRORS_UP_TO, METRICS, start_worker
from .systems import DFN3, NOISY, System, our_systems, peers
from .tables import (
    BAND_NAMES,
    SHORT,
    STEP_NAMES,
    Report,
    Results,
    Row,
    extremes_rows,
    extremes_text,
    mean_rows,
    pauses_text,
    robustness_text,
    section,
)

QUICK_CLIPS = 8  # for each SNR: 40 in all
ROBUSTNESS_CLIPS = 3  # for each SNR from 0 dB on
LEAST_CLIPS = 4  # of a class of noise that gets a row
BANDWIDTHS = {9_000: "up to 9 kHz", 14_500: "9 to 14.5 kHz", math.inf: "above 14.5 kHz"}
HIGH_SNR = 5  # dB: from here on voices of studios and of telephones differ


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
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        ours = our_systems(models, Path(folder))
        cells = (ALL_HELD_OUT,) if quick else CELLS
        mixtures = draw_mixtures(packed, cells + TRAINED_CELLS * trained, clips, seed)
        pool = None
        if workers > 1:
            # Spawned, not forked: a forked onnxruntime session hangs.
            spawn = multiprocessing.get_context("spawn")
            pool = stack.enter_context(
                ProcessPoolExecutor(workers, spawn, initializer=start_worker)
            )
        scored = ScoreCache(cache, pool)
        systems = [System(NOISY), *ours, *others]
        results = {s.name: scored.measure("scores", s, mixtures) for s in systems}
        further = {
            "extremes": extremes_rows(_extremes(scored, systems[1:], mixtures)),
            "opinions": [] if quick else mean_rows(_opinions(scored, systems, mixtures)),
            "pauses": [] if quick else mean_rows(_pauses(scored, systems[1:], mixtures)),
            "robustness": [] if quick else mean_rows(_robustness(scored, systems[1:], mixtures)),
        }
    return _write(out, Report(mixtures, results), ours, others, further)


def _extremes(
    scored: ScoreCache, systems: Sequence[System], mixtures: Sequence[Mixture]
) -> Results:
    """Measure one clip of each speaker: few speakers would say little of undegraded speech."""
    first = list({mixture.speaker: mixture for mixture in reversed(mixtures)}.values())
    return {s.name: scored.measure("extremes", s, first) for s in systems}


def _opinions(
    scored: ScoreCache, systems: Sequence[System], mixtures: Sequence[Mixture]
) -> Results:
    chosen = [m for m in mixtures if m.cell == ALL_HELD_OUT]
    return {s.name: scored.measure("opinions", s, chosen) for s in systems}


def _pauses(scored: ScoreCache, systems: Sequence[System], mixtures: Sequence[Mixture]) -> Results:
    chosen = [m for m in mixtures if m.cell == ALL_HELD_OUT and m.snr >= 0]
    return {s.name: scored.measure("pauses", s, chosen) for s in systems}


def _robustness(
    scored: ScoreCache, systems: Sequence[System], mixtures: Sequence[Mixture]
) -> Results:
    chosen: list[Mixture] = []
    for snr in [level for level in SNRS if level >= 0]:
        fitting = [m for m in mixtures if m.cell == ALL_HELD_OUT and m.snr == snr]
        chosen += fitting[:ROBUSTNESS_CLIPS]
    return {s.name: scored.measure("robustness", s, chosen) for s in systems}


def _write(
    out: Path,
    report: Report,
    models: list[System],
    others: list[System],
    further: dict[str, list[Row]],
) -> str:
    ours = [system.name for system in models]
    cells = report.groups(lambda m: str(m.cell))
    sides = (ALL_SEEN, ALL_HELD_OUT)
    snrs = report.groups(lambda m: f"{m.cell}, {m.snr} dB" if m.cell in sides else None)
    noises = report.groups(lambda m: m.noise if m.cell.noises == HELD_OUT else None)
    noises = {name: where for name, where in noises.items() if len(where) >= LEAST_CLIPS}
    voices = dict(sorted(report.groups(_kind_of_voice).items()))
    faint = report.groups(lambda m: m.cell == ALL_HELD_OUT and m.snr <= ERRORS_UP_TO)
    low = faint[True]
    result: dict[str, Any] = {
        "mixtures": report.fingerprint(),
        "weights": {s.name: s.fingerprint for s in [*models, *others]},
        "means": report.means(),
        "by_cell": [
            {"peer": peer.name} | row
            for peer in others
            for row in report.differences(ours, peer.name, "cell", cells)
        ],
        "by_snr": report.differences(ours, DFN3, "cell", snrs),
        "by_noise": report.differences(ours[:1], DFN3, "noise", noises),
        "from_first": report.differences(ours[1:], ours[0], "cell", cells),
        "by_voice": report.differences(ours, DFN3, "voices", voices),
        "by_voice_from_first": report.differences(ours[1:], ours[0], "voices", voices),
        "left": report.errors("left", BAND_NAMES, low),
        "kept": report.errors("kept", BAND_NAMES, low),
        "error_by_level": report.errors("error", STEP_NAMES, low),
        "kept_by_level": report.errors("kept", STEP_NAMES, low),
    } | further
    result["by_noise"].sort(key=lambda row: row["si_sdr_mean"])
    return write_result(out, _without_nan(result), _text(result, ours))


def _kind_of_voice(mixture: Mixture) -> str:
    """Name a group of mixtures: how far up the voice reaches, and whether noise drowns it."""
    reach = next(name for limit, name in BANDWIDTHS.items() if mixture.bandwidth <= limit)
    return f"{reach}, {'below' if mixture.snr < HIGH_SNR else 'from'} {HIGH_SNR} dB SNR"


def _text(result: dict[str, Any], ours: list[str]) -> str:
    cell, system = {"cell": "cell"}, {"system": "system"}
    voices, by_voice = {"voices": "voices"}, "by bandwidth of the voice and SNR"
    counts = {"clips": "clips"}
    si_sdr = {"si_sdr_ours": "SI-SDR dB, ours", "si_sdr_theirs": "SI-SDR dB, DeepFilterNet 3"}
    bands = system | {name: f"{name} Hz" for name in BAND_NAMES}
    steps = system | {name: f"{name} dB below" for name in STEP_NAMES}
    text = "# Voices and noises that training has seen, and held-out ones\n\n"
    text += f"Mixtures {result['mixtures']}: results with the same number are comparable.\n\n"
    if result["from_first"]:
        title = f"Difference from {ours[0]}, mean and 95 % confidence interval"
        text += section(title, cell | system | METRICS | counts, result["from_first"])
        columns = voices | system | METRICS | counts
        text += section(f"{title}, {by_voice}", columns, result["by_voice_from_first"])
    text += section(
        "Means", cell | system | METRICS | counts | {"speakers": "speakers"}, result["means"]
    )
    title = "Difference from the peers, mean and 95 % confidence interval"
    text += section(title, cell | system | {"peer": "from"} | METRICS | counts, result["by_cell"])
    title = title.replace("the peers", DFN3)
    text += section(f"{title}, by SNR", cell | system | si_sdr | SHORT, result["by_snr"])
    columns = voices | system | counts | si_sdr | SHORT
    text += section(f"{title}, {by_voice}", columns, result["by_voice"])
    if result["by_noise"]:
        text += section(
            f"{title}, by held-out noise, {ours[0]}",
            {"noise": "noise"} | counts | si_sdr | SHORT,
            result["by_noise"],
        )
    text += extremes_text(result["extremes"])
    if result["opinions"]:
        title = "DNSMOS P.835, held-out voices and noises"
        text += section(title, system | OPINIONS, result["opinions"])
    if result["pauses"]:
        text += pauses_text(result["pauses"])
    where = "held-out voices and noises at -5 and 0 dB SNR"
    text += section(
        f"Noise left where the voice is off, dB over the voice in the band; {where}",
        bands,
        result["left"],
    )
    text += section(f"Gain of the voice where it is on, dB; {where}", bands, result["kept"])
    by_level = "by the clean frame's level below the clip's speech"
    text += section(f"Error over clean, dB, {by_level}; {where}", steps, result["error_by_level"])
    text += section(f"Gain of the voice, dB, {by_level}; {where}", steps, result["kept_by_level"])
    return text + (robustness_text(result["robustness"]) if result["robustness"] else "")


def _without_nan(value: Any) -> Any:
    """Return `value` with None for NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
