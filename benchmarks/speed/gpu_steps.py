"""The steps of `gpu_check`. Each takes a provider and whether to run shortly; returns a result.

A result has a `summary` of one line, for tables `table` in Markdown, and the figures themselves. A
step that finds something wrong raises an error.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from rtdenoise import StreamPool
from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import (
    CUDA,
    FixedShapeSession,
    Model,
    ParallelStreamEngine,
    StreamEngine,
    bundled_models,
    find_model,
    load_model,
    make_engine,
)

from ..reporting import markdown
from . import latency as hops
from . import throughput as rates
from .graph_memory import memory_table
from .timing import count_times

Audio = NDArray[np.float32]
Result = dict[str, Any]
RATE, HOP = 48_000, 480
TOLERANCE = 1e-3  # of the CPU's samples, for a GPU without TF32
LOOSE = 2e-2  # with TF32 or halves
STREAMS = (64, 256, 512, 1024, 2048)
FILES = (600, 7200)  # s
RECORDED = 60  # hops, of which a recorded graph leaves only the first few in the profile
CHECKPOINT = Path("train/state/default.pth")  # from which the half-precision model is exported


def check_card(provider: str, quick: bool) -> Result:
    """The card, its driver and all versions; fails if the provider is not really in use."""
    found: Result = {"python": sys.version.split()[0], "onnxruntime": ort.__version__}
    query = "name,driver_version,memory.total,compute_cap,clocks.max.sm,clocks.max.mem"
    try:
        command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
        card = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        card = f"no card (nvidia-smi: {type(error).__name__})"
    model = load_model(None, "stream", provider)
    if model.session.get_providers()[0] != CUDA and provider == "cuda":
        raise RtdenoiseError(f"CUDA is not in use: {model.session.get_providers()}")
    _, table = memory_table()
    return found | {
        "card": card,
        "providers": model.session.get_providers(),
        "summary": f"{card}; onnxruntime {ort.__version__}, {model.session.get_providers()[0]}",
        "table": table,
    }


def check_tests(provider: str, quick: bool) -> Result:
    """tests/inference/test_cuda.py, which is skipped without a driver."""
    command = [sys.executable, "-m", "pytest", "-v", "-rs", "tests/inference/test_cuda.py"]
    done = subprocess.run(command, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    lines = [line for line in done.stdout.strip().splitlines() if line] or ["no output"]
    last = lines[-1]
    if done.returncode or (provider == "cuda" and (" skipped" in last or " passed" not in last)):
        raise RtdenoiseError(f"tests/inference/test_cuda.py: {last}")
    return {"summary": last}


def check_recording(provider: str, quick: bool) -> Result:
    """Prove from onnxruntime's profile that hops are replays of a CUDA graph, all of it on CUDA.

    A replay runs no node that onnxruntime knows of, so the profile of many runs holds the nodes of
    only the first few. Then the replays must still be right after other work in between.
    """
    model = load_model(bundled_models()["default-stream"], provider=provider)
    expected, got, events = _profiled_hops(model)
    difference = float(np.abs(expected - got).max())
    nodes = [e["args"] for e in events if e["name"].endswith("_kernel_time")]
    providers = Counter(node.get("provider", "?") for node in nodes)
    graph = {node["node_index"] for node in nodes}
    executed = len(nodes) / max(1, len(graph))
    result = {
        "difference": difference,
        "nodes": len(graph),
        "node_executions": len(nodes),
        "providers": dict(providers),
        "runs": RECORDED,
        "recorded": executed < RECORDED / 2,
        "summary": f"{RECORDED} hops ran {executed:.0f} times {len(graph)} nodes "
        f"({dict(providers)}); largest difference from the CPU {difference:.1e}",
    }
    if provider == "cuda" and (not result["recorded"] or set(providers) != {CUDA}):
        raise RtdenoiseError(f"no CUDA graph of all nodes: {result['summary']}")
    if difference > TOLERANCE:
        raise RtdenoiseError(f"replays differ from the CPU: {result['summary']}")
    return result


def _profiled_hops(model: Model) -> tuple[Audio, Audio, list[Any]]:
    """Run hops with profiling on and other shapes in between; returns the CPU's, these, events."""
    audio = _noise(1, RECORDED * HOP)
    expected = StreamEngine(load_model(model.path, provider="cpu"), 1).step(audio)
    other, out = StreamEngine(model, 3), []
    with tempfile.TemporaryDirectory() as folder:
        session = FixedShapeSession(model, 1, HOP, profile=str(Path(folder, "hops")))
        session.states = StreamEngine(model, 1).initial_states
        for i, hop in enumerate(np.split(audio, RECORDED, axis=1)):
            session.audio[:] = hop
            out.append(session.run().copy())
            if i % 7 == 6:
                other.step(_noise(3, HOP * (1 + i)))
        events = [e for path in session.end_profiling() for e in json.loads(path.read_text())]
    return expected, np.concatenate(out, axis=1), events


def check_latency(provider: str, quick: bool) -> Result:
    """Segment, rolling and stream engines at 10 ms hops: hot and paced, TF32, half precision."""
    seconds, rows = (0.2 if quick else 1.5), []
    bundled = bundled_models()
    kinds = [(form, bundled[f"default-{form}"], False) for form in ("stream", "rolling", "segment")]
    kinds += [(f"{form}, TF32", path, True) for form, path, _ in kinds]
    half = _export_half()
    if half:
        kinds.append(("stream, fp16", half, False))
    for name, path, tf32 in kinds:
        engine = make_engine(load_model(path, provider=provider, tf32=tf32), 1, HOP)
        for pace in ("hot", "paced"):
            whole, inside = hops.measure(engine, HOP / RATE, seconds, pace == "paced")
            rows.append(hops._row(provider, name, 10, pace, whole, inside))
    best = min(row["p99"] for row in rows if row["engine"].startswith("segment"))
    without = "" if half else "; no fp16: it needs torch and train/state/default.pth"
    return {
        "rows": rows,
        "summary": f"1 s segment, best p99 {best:.2f} ms{without}",
        "table": markdown("Hop of 10 ms", hops.COLUMNS, rows),
    }


def _export_half() -> Path | None:
    """Export the stream model in half precision, if torch and the checkpoint are there."""
    try:
        from export.onnx_export import export_checkpoint
    except ImportError:
        return None
    if not CHECKPOINT.is_file():
        return None
    target = Path(tempfile.mkdtemp(), "half-stream.onnx")
    return export_checkpoint(CHECKPOINT, target, "stream", precision="fp16")


def check_throughput(provider: str, quick: bool) -> Result:
    """Audio-seconds per second over batches, beside what the card itself reaches."""
    path = find_model(None, "stream", "cpu")
    roof = rates.machine_ceilings(provider, 0.1 if quick else 1.0)
    rows, refused = [], []
    for batch in rates.BATCHES[provider][: 2 if quick else None]:
        for piece in (0.01, 1.0)[: 1 if quick else None]:
            try:
                rows.append(rates._row(path, provider, batch, piece, roof, quick))
            except Exception as error:  # out of memory: onnxruntime's errors share no base
                refused.append(f"batch {batch}, {piece:g} s: {str(error)[:120]}")
    best = max(rows, key=lambda row: row["rate"])
    return {
        "rows": rows,
        "refused": refused,
        "ceilings": {provider: roof},
        "summary": f"at best {best['rate']:,.0f} x real time (batch {best['batch']}, "
        f"{best['roof']:.0%} of the roofline: {roof[0]:,.0f} GFLOP/s, {roof[1]:,.0f} GB/s)",
        "table": markdown("Throughput", rates.COLUMNS, rows),
    }


def check_streams(provider: str, quick: bool) -> Result:
    """Live streams in one pool: the time of a joint hop, and how many fit into 10 ms."""
    rows = []
    for count in (4, 8) if quick else STREAMS:
        pool = StreamPool(capacity=count, hop=HOP, provider=provider)
        streams = [pool.join() for _ in range(count)]
        turn = partial(_joint_hop, pool, streams, _noise(1, HOP)[0])
        times = 1000 * np.array(count_times(turn, 20 if quick else 200)[5:])
        p50, p99 = (float(np.percentile(times, share)) for share in (50, 99))
        rows.append({"streams": count, "p50": p50, "p99": p99, "nbytes": pool.nbytes})
        if p99 > 3 * 1000 * HOP / RATE:
            break
    fit = max((row["streams"] for row in rows if row["p99"] <= 10), default=0)
    columns = {"streams": "streams", "p50": "p50 ms", "p99": "p99 ms", "nbytes": "state bytes"}
    return {
        "rows": rows,
        "summary": f"{fit} streams with p99 within 10 ms",
        "table": markdown("Joint hop of live streams, 10 ms, hot", columns, rows),
    }


def _joint_hop(pool: StreamPool, streams: list[int], hop: Audio) -> None:
    for stream in streams:
        pool.feed(stream, hop)
    if len(pool.step()) != len(streams):
        raise RtdenoiseError("a pool left out streams that were due")


def check_files(provider: str, quick: bool) -> Result:
    """Ten minutes and two hours: equal to the CPU's samples, and how fast after loading."""
    rows = []
    model, cpu = (load_model(None, "stream", name) for name in (provider, "cpu"))
    for seconds in (30,) if quick else FILES:
        audio = _noise(1, seconds * RATE)
        engine = ParallelStreamEngine(model, 1)
        engine.step(audio[:, : 300 * RATE])  # buffers and cuDNN's choices, as a batch of files has
        engine.reset()
        started = time.perf_counter()
        got = _in_blocks(engine, audio)
        took = time.perf_counter() - started
        difference = float(np.abs(got - _in_blocks(ParallelStreamEngine(cpu, 1), audio)).max())
        rows.append({"seconds": seconds, "time": took, "rate": seconds / took} | {
            "difference": difference
        })  # fmt: skip
        if difference > TOLERANCE:
            raise RtdenoiseError(f"{seconds} s differ from the CPU's by {difference:.1e}")
    columns = {"seconds": "audio s", "time": "s", "rate": "x real time", "difference": "from CPU"}
    told = ", ".join(f"{row['seconds']} s in {row['time']:.2f} s" for row in rows)
    return {"rows": rows, "summary": told, "table": markdown("Files", columns, rows)}


def _in_blocks(engine: ParallelStreamEngine, audio: Audio, seconds: int = 300) -> Audio:
    """Run an engine over audio in blocks, as a file that does not fit into memory."""
    block = seconds * RATE
    parts = [engine.step(audio[:, i : i + block]) for i in range(0, audio.shape[1], block)]
    return np.concatenate(parts, axis=1)


def check_live(provider: str, quick: bool) -> Result:
    """30 s of the live path from a file to no output; the last status line."""
    command = [sys.executable, "-m", "rtdenoise.cli", "live", "--input", "examples/noisy.wav"]
    command += ["--output", "none", "--provider", provider, "--json"]
    command += ["--seconds", "3" if quick else "30"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    print(done.stdout, done.stderr)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise RtdenoiseError(f"live: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    last = json.loads(lines[-1])
    return {"status": last, "summary": f"live ran; its last line: {json.dumps(last)[:200]}"}


def _noise(channels: int, samples: int) -> Audio:
    generator = np.random.default_rng(samples)
    return 0.1 * generator.standard_normal((channels, samples), np.float32)
