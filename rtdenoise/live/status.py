"""The state of a live session as plain values: what screens show and scripts read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..constants import SAMPLE_RATE
from .session import LiveSession


def status(session: LiveSession) -> dict[str, Any]:
    """Return the state of a session: levels in dBFS, latency in ms, load, counters."""
    counters, times = session.counters, session.counters.times[-100:]
    level_in, level_out = decibel(session.level_in), decibel(session.level_out)
    return {
        "seconds": round(counters.hops * session.hop / SAMPLE_RATE, 1),
        "input_db": level_in,
        "output_db": level_out,
        "removed_db": round(max(0.0, level_in - level_out), 1),
        "latency_ms": {k: round(v, 1) for k, v in session.latency().items()},
        "ms_per_hop": round(1000 * float(np.median(times)), 3) if times else 0.0,
        "hop_ms": 1000 * session.hop / SAMPLE_RATE,
        "overload": session.overload.level,
        "drift_ppm": round(session.fill.drift.ppm, 1),
        "underruns": counters.underruns,
        "device_underruns": counters.device_underruns,
        "overruns": counters.overruns,
        "deadline_misses": counters.deadline_misses,
        "reconnects": counters.reconnects,
        "provider": session.model.provider,
        "priority": session.priority,
        "bypass": session.processor.bypass,
        "mix": round(session.processor.mix, 2),
        "limit_db": session.processor.attenuation_limit_db,
    }


def decibel(power: float) -> float:
    """Return a mean power as dBFS, not below -120."""
    return round(10 * math.log10(max(power, 1e-12)), 1)
