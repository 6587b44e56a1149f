"""Computing time of a hop: both engines, each provider present, hot and paced.

    python -m benchmarks latency

Hot: one hop immediately after the other. Paced: each hop waits until its audio would have arrived,
as in a call, so caches may be cold and the core may have slept. A deadline is missed if computing a
hop takes longer than its audio lasts.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import (
    Engine,
    RollingEngine,
    SegmentEngine,
    StreamEngine,
    bundled_models,
    has_cuda_driver,
    load_model,
    make_engine,
)

from ..live import StallMonitor
from ..reporting import markdown, write_result
from .peer_hop import beside_peers, sentence

Times = NDArray[np.float64]
SECOND = bundled_models()["default-segment"]
HOPS_MS = (5, 10, 20, 50, 100)
COLUMNS = {
    "provider": "provider",
    "engine": "engine",
    "hop_ms": "hop ms",
    "pace": "pace",
    "p50": "p50 ms",
    "p95": "p95",
    "p99": "p99",
    "p99.9": "p99.9",
    "max": "max",
    "python": "outside the session, p50 ms",
    "missed": "deadlines missed",
    "hops": "hops",
}


def latency(
    out: Path, model: str | None = None, seconds: float = 20.0, endured: float = 0.0
) -> str:
    """Measure, write out.json, out.md and out.png; `seconds` of audio for each paced row.

    Rolling segments with a hop of 20 ms are then run paced for `endured` seconds.
    """
    rows, pictures = [], {}
    beside: dict[str, Any] = {
        "note": "not compared with other denoisers, because the model has no 10 ms hop"
    }
    for provider in ("cpu", "cuda") if has_cuda_driver() else ("cpu",):
        for form in ("stream", "segment"):
            for hop_ms in HOPS_MS:
                try:
                    engine = _engine(model, form, provider, hop_ms)
                except RtdenoiseError as refusal:
                    rows.append(_row(provider, form, hop_ms, "refused", refusal=str(refusal)))
                    continue
                for pace in ("hot", "paced"):
                    whole, inside = measure(engine, hop_ms / 1000, seconds, pace == "paced")
                    rows.append(_row(provider, form, hop_ms, pace, whole, inside))
                    pictures[f"{provider} {form} {hop_ms} ms {pace}"] = whole
                if (provider, form, hop_ms) == ("cpu", "stream", 10):
                    beside = beside_peers(engine, seconds)
        if not model:  # the form for other programs, which computes a whole second for each hop
            engine = SegmentEngine(load_model(SECOND, provider=provider), 1, 960)
            for pace in ("hot", "paced"):
                times = measure(engine, 0.02, seconds, pace == "paced")
                rows.append(_row(provider, "whole second", 20, pace, *times))
        if endured:
            engine = _engine(model, "segment", provider, 20)
            pace = f"paced for {endured / 60:g} min"
            stalls = StallMonitor()
            stalls.start()
            times = measure(engine, 0.02, endured, paced=True)
            stalled = stalls.stop()
            rows.append(_row(provider, "segment", 20, pace, *times) | stalled)
    _draw(pictures, out.with_suffix(".png"))
    text = markdown("Computing time of a hop of live audio, one thread", COLUMNS, rows)
    refusals = {row["refusal"] for row in rows if row.get("refusal")}
    text += "\n" + "\n".join(f"Refused: {refusal}" for refusal in sorted(refusals))
    text += f"\n\n{sentence(beside)}\n"
    text += "".join(_stalled(row) for row in rows if "stalls" in row)
    return write_result(out, {"rows": rows, "beside": beside}, text)


def _engine(model: str | None, form: str, provider: str, hop_ms: float) -> Engine:
    loaded = load_model(model, engine=form, provider=provider)
    hop = round(48 * hop_ms)
    if hop % loaded.card.hop:
        raise RtdenoiseError(
            f"a hop of {hop_ms} ms does not fit the model: use a multiple of "
            f"{loaded.card.hop / 48:g} ms"
        )
    return make_engine(loaded, 1, hop)


def measure(engine: Engine, hop: float, seconds: float, paced: bool) -> tuple[Times, Times]:
    """Return the seconds of each hop of `hop` seconds: in total, and inside onnxruntime."""
    assert isinstance(engine, StreamEngine | SegmentEngine | RollingEngine) and engine.fixed_session
    inside: list[float] = []
    execute = engine.fixed_session.execute

    def timed() -> None:
        started = time.perf_counter()
        execute()
        inside.append(time.perf_counter() - started)

    engine.fixed_session.execute = timed  # type: ignore[method-assign]
    samples, count = round(48_000 * hop), max(20, round(seconds / hop))
    noise = np.random.default_rng(0).standard_normal((1, samples), np.float32) * 0.1
    for _ in range(10):
        engine.step(noise)
    inside.clear()
    whole, due = [], time.perf_counter()
    for _ in range(count):
        due += hop
        if paced:
            time.sleep(max(0.0, due - time.perf_counter()))
        started = time.perf_counter()
        engine.step(noise)
        whole.append(time.perf_counter() - started)
    engine.fixed_session.execute = execute  # type: ignore[method-assign]
    return np.array(whole), np.array(inside)


def _row(
    provider: str,
    form: str,
    hop_ms: float,
    pace: str,
    whole: Times | None = None,
    inside: Times | None = None,
    **more: Any,
) -> dict[str, Any]:
    row = {"provider": provider, "engine": form, "hop_ms": hop_ms, "pace": pace, **more}
    if whole is None or inside is None:
        return row
    for share in (50, 95, 99, 99.9):
        row[f"p{share:g}"] = float(np.percentile(whole, share)) * 1000
    row["max"] = float(whole.max()) * 1000
    row["python"] = float(np.median(whole - inside)) * 1000
    row["missed"], row["hops"] = int((whole > hop_ms / 1000).sum()), len(whole)
    return row


def _stalled(row: dict[str, Any]) -> str:
    return (
        f"\n{row['provider']}, {row['engine']}, {row['pace']}: the machine stalled for "
        f"more than 15 ms {row['stalls']} times, at most {row['longest_stall_ms']:g} ms.\n"
    )


def _draw(times: dict[str, Times], path: Path) -> None:
    """Draw a histogram for each row that live audio uses: hops of 10 and 20 ms."""
    from matplotlib import pyplot as plt

    from ..reporting import save

    shown = {name: x for name, x in times.items() if " 10 ms" in name or " 20 ms" in name}
    figure, axes = plt.subplots(len(shown), 1, figsize=(8, 1.5 * len(shown)), sharex=True)
    edges = np.geomspace(0.05, 200, 160)
    for axis, (name, values) in zip(axes, shown.items(), strict=True):
        axis.hist(1000 * values, edges, color="#2a6f97")
        axis.axvline(20 if " 20 ms" in name else 10, color="#c1121f", linewidth=1)
        axis.set(title=name, xscale="log", yscale="log")
        axis.title.set_size(9)
    axes[-1].set_xlabel("ms per hop; red: deadline")
    save(figure, path)
