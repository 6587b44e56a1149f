"""The learning rate over a run: linear warm-up, then one cycle, or hold and decay."""

from __future__ import annotations

import math

WARM_UP = 0.05  # share of all steps
RISING = 0.3  # share of the cycle
INITIAL = 1 / 25  # of the base rate, where the cycle starts
FINAL = 1 / 1000  # of the base rate, where it ends


def one_cycle(
    step: int, total: int, warm_up: float = WARM_UP, rising: float = RISING, final: float = FINAL
) -> float:
    """Return the factor on the base learning rate at `step` of `total`.

    Linear from 0 to the cycle's start, up to 1 on a cosine, down to `final` on a cosine
    (Smith and Topin, arXiv:1708.07120, as torch's OneCycleLR anneals it).
    """
    warm = max(1, round(warm_up * total))
    if step < warm:
        return INITIAL * (step + 1) / warm
    position = (step - warm) / max(1, total - warm - 1)
    if position < rising:
        return _cosine(INITIAL, 1.0, position / rising)
    return _cosine(1.0, final, min(1.0, (position - rising) / (1 - rising)))


def hold_decay(step: int, total: int, warm_up: float, decay: float, final: float = FINAL) -> float:
    """Return the factor at `step` of `total`: linear warm-up, 1, linear to `final` over the end.

    The constant part does not depend on `total`, so a run can be extended beyond its planned end
    (Hu et al., MiniCPM, arXiv:2404.06395, section 4). `warm_up` is in steps, `decay` a share of
    `total`.
    """
    left = (total - step) / max(1.0, decay * total)
    return min(1.0, (step + 1) / max(1.0, warm_up), max(final, left))


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2
