"""Rows of tables: means of scores, differences between systems, and errors."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .band_errors import BANDS, STEPS
from .intervals import Difference, paired_difference
from .levels import decibel
from .mixtures import Mixture
from .scores import METRICS, Scores

Row = dict[str, Any]
Results = dict[str, list[Scores]]  # of each system, in the order of the mixtures


DIGITS = {"estoi": 3}  # after the point, of differences; 2 of the others


class Report:
    """Tables over `mixtures`; `results` holds the scores of every system in the same order."""

    def __init__(self, mixtures: Sequence[Mixture], results: Results) -> None:
        self.mixtures, self.results = mixtures, results

    def fingerprint(self) -> str:
        """A hash of all mixtures."""
        keys = "".join(mixture.key for mixture in self.mixtures)
        return hashlib.sha256(keys.encode()).hexdigest()[:8]

    def mean(self, system: str, key: str, where: list[int]) -> float | None:
        """Mean of a score over the mixtures numbered `where`; None if none has it."""
        values = np.array([self.results[system][i].get(key, math.nan) for i in where])
        return float(np.nanmean(values)) if (~np.isnan(values)).any() else None

    def difference(self, ours: str, theirs: str, key: str, where: list[int]) -> Difference:
        """Paired difference of a score between two systems, clustered by speaker."""
        a, b = ([self.results[s][i].get(key, math.nan) for i in where] for s in (ours, theirs))
        return paired_difference(a, b, [self.mixtures[i].speaker for i in where])

    def groups(self, wanted: Callable[[Mixture], Any]) -> dict[Any, list[int]]:
        """Numbers of the mixtures by what `wanted` says of them; None leaves one out."""
        found: dict[Any, list[int]] = {}
        for i, mixture in enumerate(self.mixtures):
            if (name := wanted(mixture)) is not None:
                found.setdefault(name, []).append(i)
        return found

    def means(self, cells: dict[str, list[int]]) -> list[Row]:
        """Mean scores, one row for each cell and system."""
        rows = []
        for cell, where in cells.items():
            for system in self.results:
                row: Row = {"cell": cell, "system": system, "clips": len(where)}
                row["speakers"] = len({self.mixtures[i].speaker for i in where})
                row |= {key: self.mean(system, key, where) for key in METRICS}
                rows.append(row)
        return rows

    def differences(self, ours: Iterable[str], theirs: str, label: str, groups: dict) -> list[Row]:
        """Differences with intervals, one row for each group of mixtures and system of ours."""
        rows = []
        for name, where in groups.items():
            for system in ours:
                row: Row = {label: name, "system": system, "clips": len(where)}
                for key in METRICS:
                    found = self.difference(system, theirs, key, where)
                    row[key] = found.text(DIGITS.get(key, 2))
                    row[f"{key}_mean"], row[f"{key}_half"] = found.mean, found.half
                row["si_sdr_ours"] = self.mean(system, "si_sdr", where)
                row["si_sdr_theirs"] = self.mean(theirs, "si_sdr", where)
                rows.append(row)
        return rows

    def errors(self, what: str, names: Sequence[str], where: list[int]) -> list[Row]:
        """Mean error `what` of each system, in dB, with columns `names`.

        "kept" is a factor, averaged as such: a clip that loses all its voice has no level in dB.
        """
        rows: list[Row] = []
        for system in self.results:
            row: Row = {"system": system}
            for name in names:
                found = self.mean(system, f"{what} {name}", where)
                if what == "kept" and found is not None:
                    found = float(decibel(max(found, 0.0) ** 2))
                row[name] = found
            rows.append(row)
        return rows


BAND_NAMES = [f"{low}-{high}" for low, high in BANDS]
STEP_NAMES = [f"{upper}-{lower}" for upper, lower in STEPS]


def extremes_rows(results: Results) -> list[Row]:
    """Means of `scores.extremes`, and below which PESQ and which beginning a tenth lies."""
    rows = mean_rows(results)
    for row, scores in zip(rows, results.values(), strict=True):
        row["speakers"] = len(scores)
        for name in ("pesq", "cut"):
            row[f"worst {name}"] = float(np.nanpercentile([each[name] for each in scores], 10))
    return rows


def mean_rows(results: Results) -> list[Row]:
    """Mean of each measure, one row for each system."""
    return [
        {"system": system} | {key: float(np.nanmean([s[key] for s in scores])) for key in scores[0]}
        for system, scores in results.items()
    ]
