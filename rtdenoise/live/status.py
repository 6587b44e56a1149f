"""The state of a live session as plain values, for screens and for `--json`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..constants import SAMPLE_RATE
from .session import LiveSession

SILENCE = 1e-12  # mean power; the lowest level is -120 dBFS


def status(session: LiveSession) -> dict[str, Any]:
    """Return the state: levels in dBFS, latency in ms, load, counters."""
    worker, counters, times = session.worker, session.counters, session.counters.times[-100:]
    input_db, output_db = to_dbfs(worker.input_level.power), to_dbfs(worker.output_level.power)
    return {
        "seconds": round(counters.hops * session.hop / SAMPLE_RATE, 1),
        "input_db": input_db,
        "output_db": output_db,
        "removed_db": round(max(0.0, input_db - output_db), 1),
        "latency_ms": {part: round(ms, 1) for part, ms in session.latency().items()},
        "ms_per_hop": round(1000 * float(np.median(times)), 3) if times else 0.0,
        "hop_ms": 1000 * session.hop / SAMPLE_RATE,
        "overload": worker.overload.level,
        "drift_ppm": round(worker.control.drift.ppm, 1),
        "clocks_ppm": round(worker.control.drift.clocks_ppm, 1),
        "underruns": counters.underruns,
        "device_underruns": counters.device_underruns,
        "overruns": counters.overruns,
        "deadline_misses": counters.deadline_misses,
        "reconnects": counters.reconnects,
        "nonfinite": session.processor.nonfinite,
        "provider": session.model.provider,
        "priority": worker.priority,
        "bypass": session.processor.bypass,
        "mix": round(session.processor.mix, 2),
        "limit_db": session.processor.attenuation_limit_db,
    }


def to_dbfs(power: float) -> float:
    """Return a mean power as dBFS, -120 at least."""
    return round(10 * math.log10(max(power, SILENCE)), 1)
