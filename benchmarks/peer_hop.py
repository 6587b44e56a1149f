"""A hop of RNNoise beside one of ours, in turns, so that both meet the same machine."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from rtdenoise.engine import Engine

from .timing import count_times

TURN = 100  # hops
WARM = 10  # of them that do not count: the caches are still the other's


def beside_rnnoise(engine: Engine, seconds: float) -> dict[str, Any]:
    """Return medians in ms of a 10 ms hop, hot: `ours`, `rnnoise`, their `ratio`.

    Or only a `note` where pyrnnoise, which brings RNNoise 0.2 in C, is not installed.
    """
    try:
        from pyrnnoise import rnnoise
    except ImportError:
        return {"note": "RNNoise is not installed: pip install '.[benchmark]'"}
    noise = np.random.default_rng(0).standard_normal((1, 480), np.float32) * 0.1
    frame, out = (noise[0] * 32768).astype(np.float32), np.zeros(480, np.float32)
    pointers = [x.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) for x in (out, frame)]
    state = rnnoise.create()
    hops: dict[str, Callable[[], Any]] = {
        "ours": lambda: engine.step(noise),
        "rnnoise": lambda: rnnoise.lib.rnnoise_process_frame(state, *pointers),
    }
    times: dict[str, list[float]] = {name: [] for name in hops}
    for _ in range(max(2, round(100 * seconds / TURN))):
        for name, hop in hops.items():
            times[name] += count_times(hop, TURN)[WARM:]
    medians = {name: 1000 * float(np.median(values)) for name, values in times.items()}
    return medians | {"ratio": medians["ours"] / medians["rnnoise"]}


def sentence(result: dict[str, Any]) -> str:
    """Say what `beside_rnnoise` found."""
    if "note" in result:
        return f"{result['note']}."
    return (
        f"In turns with RNNoise 0.2 (C, from pyrnnoise), hops of 10 ms, hot: {result['ours']:.3f} "
        f"ms against {result['rnnoise']:.3f}, {result['ratio']:.2f} times as long."
    )
