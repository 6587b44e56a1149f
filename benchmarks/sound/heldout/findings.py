"""What the scores tell: means, differences by cell, SNR, noise and voice, and where errors lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .mixtures import ALL_HELD_OUT, ALL_SEEN, HELD_OUT, Mixture
from .scores import ERRORS_UP_TO
from .systems import DFN3, System
from .tables import BAND_NAMES, STEP_NAMES, Report

LEAST_CLIPS = 4  # of a class of noise that gets a row
BANDWIDTHS = {9_000: "up to 9 kHz", 14_500: "9 to 14.5 kHz", math.inf: "above 14.5 kHz"}
HIGH_SNR = 5  # dB: from here on voices of studios and of telephones differ


def findings(report: Report, models: Sequence[System], others: Sequence[System]) -> dict[str, Any]:
    """Return what the scores of `models` and `others` tell."""
    ours = [system.name for system in models]
    cells = report.groups(lambda m: str(m.cell))
    if len(cells) > 1:
        cells["all cells"] = list(range(len(report.mixtures)))
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
        "first": ours[0],
        "means": report.means(cells),
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
    }
    result["by_noise"].sort(key=lambda row: row["si_sdr_mean"])
    return result


def _kind_of_voice(mixture: Mixture) -> str:
    """Name a group of mixtures: how far up the voice reaches, and whether noise drowns it."""
    reach = next(name for limit, name in BANDWIDTHS.items() if mixture.bandwidth <= limit)
    return f"{reach}, {'below' if mixture.snr < HIGH_SNR else 'from'} {HIGH_SNR} dB SNR"


def without_nan(value: Any) -> Any:
    """Return `value` with None for NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
