"""What does a chunk of `Denoiser.stream` cost beside the bare engine, and is every sample right?

    python -m benchmarks stream                    # cost of chunks of 20 ms
    python -m benchmarks stream --blocks 10000000  # and random blocks against one pass

Both are measured in turns in one process, in processor time of the thread: the network runs in the
calling thread. Resamplers deliver in bursts, so the mean of a turn counts. What else the machine
does can only add to it, by way of the caches, so the fastest tenth of all turns is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rtdenoise import Denoiser, DenoiseStream
from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import make_engine

from ..reporting import markdown, write_result
from .stream_cases import CASES, CHUNK_SECONDS, Case
from .stream_soak import soak

TURN = 10  # chunks
BURSTS_TURN = 64  # chunks with a resampler: whole bursts, which last 8 chunks at 8 kHz
WARM = 3  # chunks of a turn that do not count: the caches are still the other's
ALLOWED = 1.10  # times the bare engine, for what needs neither resampling nor conversion
OPENED = 100  # streams, to time their making


COLUMNS = {
    "case": "stream",
    "engine_ms": "bare engine, ms per 20 ms",
    "stream_ms": "stream, ms per 20 ms",
    "ratio": "stream / engine",
    "latency_ms": "latency ms",
    "open_ms": "ms to open one more",
}
SOAK_COLUMNS = {
    "case": "stream",
    "blocks": "blocks",
    "seconds": "audio seconds",
    "difference": "largest difference",
}


def stream(
    out: Path, model: str | None = None, seconds: float = 60.0, blocks: int = 0, check: bool = False
) -> str:
    """Measure each case for `seconds` of audio, then soak; write out.json and out.md.

    With `check`, raises RtdenoiseError if a float32 stream at 48 kHz costs more than ALLOWED
    engines, or if a sample is wrong.
    """
    denoiser = Denoiser(model, provider="cpu")
    rows = [measure(denoiser, case, seconds) for case in CASES]
    soaked: list[dict[str, Any]] = []
    text = _write(out, rows, soaked)
    for case in CASES if blocks else ():
        soaked.append(soak(denoiser, case, -(-blocks // len(CASES))))
        text = _write(out, rows, soaked)  # it takes hours: what is done is kept
    if check:
        _check(rows, soaked)
    return text


def _write(out: Path, rows: list[dict[str, Any]], soaked: list[dict[str, Any]]) -> str:
    text = markdown("Cost of a stream", COLUMNS, rows)
    if soaked:
        text += "\n" + markdown("Random blocks against one pass", SOAK_COLUMNS, soaked)
    return write_result(out, {"rows": rows, "soak": soaked}, text)


def measure(denoiser: Denoiser, case: Case, seconds: float) -> dict[str, Any]:
    """Return the lowest decile of the mean ms of a chunk in each turn, for engine and stream."""
    engine = make_engine(denoiser.model, case.channels, round(48_000 * CHUNK_SECONDS))
    audio = np.random.default_rng(0).normal(0, 0.1, (case.channels, 960)).astype("f")
    opened, chunk = case.open(denoiser), case.chunk()
    runs = (lambda: engine.step(audio), lambda: opened.write(chunk))
    turn = TURN if case.rate == 48_000 else BURSTS_TURN
    count = max(2, round(seconds / CHUNK_SECONDS / turn))
    times = np.array([[_mean_ms(run, turn) for run in runs] for _ in range(count)])
    engine_ms, stream_ms = map(float, np.percentile(times, 10, axis=0))
    return {
        "case": case.name,
        "engine_ms": engine_ms,
        "stream_ms": stream_ms,
        "ratio": stream_ms / engine_ms,
        "latency_ms": 1000 * opened.latency_seconds,
        "open_ms": _opening_ms(lambda: case.open(denoiser)),
    }


def _mean_ms(run: Callable[[], Any], turn: int) -> float:
    for _ in range(WARM):
        run()
    started = time.thread_time()
    for _ in range(turn):
        run()
    return 1000 * (time.thread_time() - started) / turn


def _opening_ms(make: Callable[[], DenoiseStream]) -> float:
    started = time.thread_time()
    for _ in range(OPENED):
        make().close()
    return 1000 * (time.thread_time() - started) / OPENED


def _check(rows: list[dict[str, Any]], soaked: list[dict[str, Any]]) -> None:
    exact = {case.name for case in CASES if (case.rate, case.dtype) == (48_000, "float32")}
    costs = {row["case"]: row["ratio"] for row in rows if row["case"] in exact}
    slow = [f"{name}: {ratio:.2f}" for name, ratio in costs.items() if ratio > ALLOWED]
    wrong = [f"{row['case']}: {row['difference']:g}" for row in soaked if not row["same"]]
    if slow or wrong:
        raise RtdenoiseError(f"a stream costs too much or is wrong: {'; '.join(slow + wrong)}")
