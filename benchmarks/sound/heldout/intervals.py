"""The mean of paired differences and its confidence interval."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Difference:
    """A mean difference; the interval is mean - half .. mean + half (half is NaN if unknown)."""

    mean: float
    half: float
    clips: int
    clusters: int

    def text(self, digits: int = 2) -> str:
        """Return it as +0.05 ± 0.02, with that many digits after the point."""
        if not self.clips:
            return "-"
        half = "" if math.isnan(self.half) else f" ± {self.half:.{digits}f}"
        return f"{self.mean:+.{digits}f}{half}"


def paired_difference(
    ours: Sequence[float], theirs: Sequence[float], clusters: Sequence[str]
) -> Difference:
    """Return the mean of ours - theirs over clips and its 95 % confidence interval.

    Clips of one cluster (a speaker) are not independent: the variance sums within clusters first,
    with G / (G - 1) for few clusters and Student's t with G - 1 degrees of freedom (Cameron and
    Miller, A Practitioner's Guide to Cluster-Robust Inference, 2015). Clips with NaN are left out.
    """
    difference = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    known = ~np.isnan(difference)
    difference, names = difference[known], np.asarray(clusters)[known]
    if not len(difference):
        return Difference(math.nan, math.nan, 0, 0)
    mean = float(difference.mean())
    groups, number = np.unique(names, return_inverse=True)
    count = len(groups)
    if count < 2:
        return Difference(mean, math.nan, len(difference), count)
    sums = np.bincount(number, difference - mean)
    deviation = math.sqrt(count / (count - 1) * float(np.square(sums).sum())) / len(difference)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, count - 1)) * deviation
    return Difference(mean, half, len(difference), count)
