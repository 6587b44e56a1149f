"""What a run says: the figures of the recordings, and what the new model gains, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .checks import Figures
from .scores import NAMES, WEIGHTS, Scores, quality

SHOWN = {"pesq": ("PESQ", 2), "estoi": ("ESTOI", 3), "si_sdr": ("SI-SDR", 1)}  # and digits
UNITS = {"si_sdr": " dB"}
OWN, OTHERS = "your voice in your room", "other voices and noises"
STAND_IN = "your voice altered, synthesised noise"
UNMEASURED = "other voices were not measured, only this stand-in: add --others FOLDER"
CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Scores before and after: of the user's mixtures, and of others'; the share chosen."""

    before: tuple[Scores, Scores]
    after: tuple[Scores, Scores]
    share: float
    measured: bool = True  # whether others are others, or the user's altered voice

    def gains(self) -> tuple[float, float]:
        """Return the gain in quality of the user and of others."""
        own, others = (
            quality(after) - quality(before)
            for before, after in zip(self.before, self.after, strict=True)
        )
        return own, others

    def objection(self, least_own: float, least_others: float) -> str:
        """Return why the new weights are no better than the bundled ones, or "" if they are.

        Others lose if their gain is below `least_others` and below zero by more than chance: the
        confidence interval of a few clips is as wide as what cannot be heard.
        """
        own, others = self.gains()
        if own < least_own:
            return "your voice gains too little to be heard"
        half = _interval((self.after[1] - self.before[1]) @ WEIGHTS)[1]
        if (others < least_others and others + half < 0) or not self.share:
            return f"{OTHERS if self.measured else STAND_IN} would lose"
        return ""

    def metrics(self) -> dict[str, float]:
        """Return the mean scores after, for the model card; without those that are not known."""
        return {
            f"{who} {name}": round(float(np.nanmean(scores[:, i])), 4)
            for who, scores in zip(("own", "others"), self.after, strict=True)
            for i, name in enumerate(NAMES)
            if not np.isnan(scores[:, i]).all()
        }


def describe(name: str, seconds: float, found: Figures) -> str:
    """Return a line about a recording."""
    return (
        f"{name}: {seconds:.0f} s, {found.active:.0f} s of them loud, {found.level:.0f} dBFS; "
        f"the bundled model takes {max(0.0, -found.kept):.1f} dB away"
    )


def tell(result: Comparison, written: Sequence[Path], objection: str) -> str:
    """Return the report: the scores before and after, and what to do now."""
    lines = []
    names = OWN, OTHERS if result.measured else STAND_IN
    for who, before, after in zip(names, result.before, result.after, strict=True):
        parts = [_change(name, before[:, i], after[:, i]) for i, name in enumerate(NAMES)]
        lines.append(f"{who}: {'; '.join(parts)} ({len(before)} mixtures)")
    if not result.measured:
        lines.append(UNMEASURED)
    if objection:
        return "\n".join([*lines, f"no better ({objection}): keep the bundled model"])
    models = [path for path in written if path.suffix == ".onnx"]
    model = next((path for path in models if path.stem.endswith("-stream")), models[0])
    lines.append(f"share of the new weights: {100 * result.share:.0f} %")
    lines.append(f"written: {', '.join(path.name for path in written)}")
    lines.append(f"better: use it with --model {model}")
    return "\n".join(lines)


def _change(name: str, before: Scores, after: Scores) -> str:
    """Return such as "PESQ 1.74 -> 1.92 (+0.18 ± 0.06)", the latter with 95 % confidence."""
    label, digits = SHOWN[name]
    gain, half = _interval(after - before)
    if np.isnan(gain):
        return f"{label} not known"
    old, new = (float(np.nanmean(x)) for x in (before, after))
    return (
        f"{label} {old:.{digits}f} -> {new:.{digits}f}{UNITS.get(name, '')} "
        f"({gain:+.{digits}f} ± {half:.{digits}f})"
    )


def _interval(gains: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of the clips' gains that are known, and half of its confidence interval."""
    known = gains[~np.isnan(gains)]
    if len(known) < 2:
        return float(known.mean()) if len(known) else float("nan"), 0.0
    deviation = float(known.std(ddof=1)) / len(known) ** 0.5
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(known) - 1)) * deviation
    return float(known.mean()), half
