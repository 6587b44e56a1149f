"""Throughput by batch size and piece length, the roofline, and concurrent live streams.

    python -m benchmarks throughput

The limits of the machine are measured in the same run, also with onnxruntime: a large matrix
product, and a sum of two vectors far larger than any cache. Bytes are counted as if there were no
caches, so a point above the memory line shows what the caches save.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.inference import CPU, CUDA, StreamEngine, find_model, has_cuda_driver, load_model

from ..reporting import markdown, write_result
from .graph_cost import cost_of_batch, feeds
from .graph_memory import memory_table
from .timing import count_times, times_within

BATCHES = {"cpu": (1, 2, 4, 8, 16), "cuda": (1, 4, 16, 64, 256, 1024)}
PIECES = (0.01, 0.1, 1.0, 4.0)  # s
LARGE = {"cpu": 1536, "cuda": 8192}  # side of the matrices: a GPU has more units to fill
LONG = {"cpu": 32_000_000, "cuda": 256_000_000}  # length of the vectors
HOP = 0.02  # s, of the concurrent streams
COLUMNS = {
    "provider": "provider",
    "batch": "batch",
    "piece": "piece s",
    "rate": "audio-s/s",
    "gflops": "GFLOP/s",
    "gbytes": "GB/s",
    "roof": "share of the roofline limit",
}


def throughput(out: Path, model: str | None = None, quick: bool = False) -> str:
    """Measure every provider present; write out.json, out.md and out.png."""
    path = find_model(model, "stream", "cpu")
    rows, ceilings, streams = [], {}, {}
    for provider in ("cpu", "cuda") if has_cuda_driver() else ("cpu",):
        roof = ceilings[provider] = machine_ceilings(provider, 0.1 if quick else 1.0)
        for batch in BATCHES[provider][: 2 if quick else None]:
            for piece in PIECES[: 2 if quick else None]:
                try:
                    rows.append(_row(path, provider, batch, piece, roof, quick))
                except Exception as error:  # out of memory: onnxruntime's errors share no base
                    print(f"{provider}, batch {batch}, {piece:g} s: {str(error)[:120]}")
        streams[provider] = concurrent_streams(path, provider, quick)
    _draw(rows, ceilings, out.with_suffix(".png"))
    text = markdown("Throughput: one session, one thread on the CPU", COLUMNS, rows) + "\n"
    for provider, (flops, bandwidth) in ceilings.items():
        best = max(row["rate"] for row in rows if row["provider"] == provider)
        text += (
            f"{provider}: at most {best:,.0f} x real time; limits {flops:,.0f} GFLOP/s and "
            f"{bandwidth:,.0f} GB/s; {streams[provider]} concurrent live streams with hops of "
            f"{1000 * HOP:g} ms (p99 of the batch within {1000 * HOP:g} ms).\n"
        )
    takes, table = memory_table(model)
    result = {"rows": rows, "ceilings": ceilings, "streams": streams, "memory": takes}
    return write_result(out, result, f"{text}\n{table.replace('# ', '## ', 1)}")


def _row(
    path: Path, provider: str, batch: int, piece: float, roof: tuple[float, float], quick: bool
) -> dict[str, Any]:
    session = load_model(path, provider=provider).session
    samples = round(piece * SAMPLE_RATE)
    seconds = _time(_runner(session, provider, batch, samples), 0.1 if quick else 1.5)
    spent = cost_of_batch(path, batch, samples)
    gflops, gbytes = spent.flops / seconds / 1e9, spent.bytes / seconds / 1e9
    reachable = min(roof[0], roof[1] * spent.flops / spent.bytes)
    return {
        "provider": provider,
        "batch": batch,
        "piece": piece,
        "rate": batch * piece / seconds,
        "gflops": gflops,
        "gbytes": gbytes,
        "intensity": spent.flops / spent.bytes,
        "roof": gflops / reachable,
        "nodes": spent.nodes,
    }


def _runner(session, provider: str, batch: int, samples: int) -> Callable[[], Any]:
    """Return a call that runs on buffers in the memory of the provider."""
    binding = session.io_binding()
    for name, value in feeds(session, batch, samples).items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(value, provider))
    for node in session.get_outputs():
        binding.bind_output(node.name, provider)

    def run() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return run


def _time(run: Callable[[], Any], seconds: float) -> float:
    """Return the median seconds of a call, for about `seconds` and at least three calls."""
    run()
    return float(np.median(times_within(run, seconds, 3)))


def machine_ceilings(provider: str, seconds: float) -> tuple[float, float]:
    """Return the GFLOP/s and GB/s that one thread of the CPU, or the GPU, reaches."""
    side, length = LARGE[provider], LONG[provider]
    matrix = _tiny("MatMul", provider, [side, side], [side, side])
    vectors = _tiny("Add", provider, [length], [length])
    return (
        2 * side**3 / _time(matrix, seconds) / 1e9,
        3 * 4 * length / _time(vectors, seconds) / 1e9,
    )


def _tiny(kind: str, provider: str, *shapes: list[int]) -> Callable[[], Any]:
    names = ["a", "b"]
    graph = helper.make_graph(
        [helper.make_node(kind, names, ["y"])],
        kind,
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in zip(names, shapes, strict=True)
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shapes[0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    providers = [(CUDA, {"use_tf32": "0"}), CPU] if provider == "cuda" else [CPU]
    session = ort.InferenceSession(model.SerializeToString(), options, providers)
    binding = session.io_binding()
    for name, shape in zip(names, shapes, strict=True):
        values = np.full(shape, 0.5, np.float32)
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(values, provider))
    result = ort.OrtValue.ortvalue_from_numpy(np.zeros(shapes[0], np.float32), provider)
    binding.bind_ortvalue_output("y", result)

    def run() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return run


def concurrent_streams(path: Path, provider: str, quick: bool) -> int:
    """Return how many streams one core or one GPU sustains as one batch per hop."""
    model = load_model(path, provider=provider)

    def holds(count: int) -> bool:
        engine = StreamEngine(model, count, fixed_block=round(HOP * SAMPLE_RATE))
        block = np.zeros((count, round(HOP * SAMPLE_RATE)), np.float32)
        times = count_times(lambda: engine.step(block), 30 if quick else 200)
        return float(np.percentile(times[5:], 99)) <= HOP

    low, high = 0, 1
    while holds(high) and high < 1 << 16:
        low, high = high, 2 * high
    while high - low > max(1, low // 8):
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _draw(rows: list[dict[str, Any]], ceilings: dict[str, tuple[float, float]], path: Path) -> None:
    """Draw the roofline: operations per byte against operations per second."""
    from matplotlib import pyplot as plt

    from ..reporting import save

    figure, axis = plt.subplots(figsize=(7, 4.5))
    for provider, (flops, bandwidth) in ceilings.items():
        x = np.geomspace(0.1, 1000, 200)
        (line,) = axis.plot(x, np.minimum(flops, bandwidth * x), label=f"{provider}: limits")
        mine = [row for row in rows if row["provider"] == provider]
        sizes = [20 + 25 * np.log2(row["batch"]) for row in mine]
        axis.scatter(
            [row["intensity"] for row in mine],
            [row["gflops"] for row in mine],
            sizes,
            color=line.get_color(),
            alpha=0.6,
            label=f"{provider}: runs, larger for larger batches",
        )
    axis.set(xscale="log", yscale="log", xlabel="FLOP per byte", ylabel="GFLOP/s")
    axis.legend()
    save(figure, path)
