"""Measures the time of repeated calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def count_times(run: Callable[[], Any], count: int) -> list[float]:
    """Return the seconds of each of `count` calls."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return times


def times_within(run: Callable[[], Any], seconds: float, least: int) -> list[float]:
    """Return the seconds of each call, for about `seconds` and at least `least` calls."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < least:
        times += count_times(run, 1)
    return times
