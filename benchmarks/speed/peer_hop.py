"""Times a hop of rtdenoise in turn with denoisers in C and Rust, under the same machine load."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from rtdenoise.inference import Engine

from .timing import count_times

TURN = 100  # hops
WARM = 10  # hops that are not counted, because the caches hold data of the other denoisers
Hop = Callable[[], Any]


def beside_peers(engine: Engine, seconds: float) -> dict[str, Any]:
    """Return the median ms of a 10 ms hop in a hot loop.

    Keys: `ours`, `peers` by name, and `missing`, the denoisers that are not installed.
    """
    noise = np.random.default_rng(0).standard_normal((1, 480), np.float32) * 0.1
    hops: dict[str, Hop] = {"ours": lambda: engine.step(noise)}
    missing = []
    for name, make in {"RNNoise 0.2": _rnnoise, "DeepFilterNet 3": _deepfilternet}.items():
        try:
            hops[name] = make(noise[0])
        except ImportError:
            missing.append(name)
    times: dict[str, list[float]] = {name: [] for name in hops}
    for _ in range(max(2, round(100 * seconds / TURN))):
        for name, hop in hops.items():
            times[name] += count_times(hop, TURN)[WARM:]
    medians = {name: 1000 * float(np.median(values)) for name, values in times.items()}
    return {"ours": medians.pop("ours"), "peers": medians, "missing": missing}


def _rnnoise(noise: np.ndarray) -> Hop:
    from pyrnnoise import rnnoise

    frame, out = (noise * 32768).astype(np.float32), np.zeros(480, np.float32)
    pointers = [x.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) for x in (out, frame)]
    state = rnnoise.create()
    return lambda: rnnoise.lib.rnnoise_process_frame(state, *pointers)


def _deepfilternet(noise: np.ndarray) -> Hop:
    from ..peers import DeepFilter

    stream, frame, out = DeepFilter(), noise.copy(), np.zeros(480, np.float32)
    return lambda: stream.step(frame, out)


def sentence(result: dict[str, Any]) -> str:
    """Return the result of `beside_peers` as a sentence."""
    if "note" in result:
        return f"{result['note']}."
    text = f"One 10 ms hop in a hot loop, measured in turn with others: {result['ours']:.3f} ms"
    for name, ms in result["peers"].items():
        text += f"; {name} {ms:.3f} ms (ratio {result['ours'] / ms:.2f})"
    if result["missing"]:
        text += f"; not installed: {', '.join(result['missing'])}"
    return f"{text}."
