"""Compares precisions (half, 8 bits, TF32) and opsets: size, time and quality.

    python -m benchmarks precision CHECKPOINT EVAL

Every variant is an export of one checkpoint. Times are measured in turn, round after round, so that
other load on the machine affects all variants alike.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from export.onnx_export import export_checkpoint
from rtdenoise import Denoiser
from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.inference import StreamEngine, load_model

from ..reporting import markdown, write_result
from ..speed.graph_cost import cost
from ..speed.timing import count_times
from .bakeoff import run_ms
from .quality import evaluate, load_clips

Variant = tuple[str, int]  # precision, opset
Forms = dict[str, Path]
VARIANTS = [("fp32", 17), ("fp32", 18), ("fp32", 20), ("fp16", 17), ("int8", 17), ("tf32", 17)]
ROUNDS = 15
COLUMNS = {
    "precision": "precision",
    "opset": "opset",
    "megabytes": "MB, both forms",
    "nodes": "nodes per hop",
    "hop_ms": "ms per 10 ms hop",
    "segment_ms": "ms per segment",
    "difference_db": "difference from fp32, dB",
    "PESQ": "PESQ-WB",
    "ESTOI": "ESTOI",
    "SISDR": "SI-SDR dB",
}


def precision(checkpoint: Path, clips: Path, out: Path, rounds: int = ROUNDS) -> str:
    """Export, time and score every variant; write out.json and out.md."""
    loaded = load_clips(clips)
    with tempfile.TemporaryDirectory() as folder:
        models = {variant: _export(checkpoint, Path(folder), *variant) for variant in VARIANTS}
        times = _times(models, rounds)
        exact = _denoised(models[VARIANTS[0]], loaded)
        rows = [
            _row(variant, forms, times[variant], loaded, exact) for variant, forms in models.items()
        ]
    text = markdown("Precisions and opsets on the CPU, one thread", COLUMNS, rows)
    return write_result(out, {"checkpoint": str(checkpoint), "rows": rows}, text)


def _times(models: dict[Variant, Forms], rounds: int) -> dict[Variant, tuple[float, float]]:
    """Return the median milliseconds of a hop and of a segment, measured in turn."""
    times: dict[Variant, list[tuple[float, float]]] = {variant: [] for variant in models}
    for _ in range(rounds):
        for variant, forms in models.items():
            segment = run_ms(forms["segment"], SAMPLE_RATE, 0.2)
            times[variant].append((hop_ms(forms["stream"]), segment))
    return {variant: tuple(np.median(taken, axis=0)) for variant, taken in times.items()}


def _row(
    variant: Variant,
    forms: Forms,
    times: tuple[float, float],
    clips: list[Any],
    exact: list[Any],
) -> dict[str, Any]:
    denoise = functools.partial(Denoiser(forms["stream"], "cpu"), sample_rate=SAMPLE_RATE)
    return {
        "precision": variant[0],
        "opset": variant[1],
        "megabytes": sum(path.stat().st_size for path in forms.values()) / 1e6,
        "nodes": cost(forms["stream"], 1, 480).nodes,
        "hop_ms": float(times[0]),
        "segment_ms": float(times[1]),
        "difference_db": _difference(_denoised(forms, clips), exact),
        **evaluate(clips, denoise)[0],
    }


def _denoised(forms: Forms, clips: list[Any]) -> list[Any]:
    denoiser = Denoiser(forms["stream"], "cpu")
    return [denoiser(noisy, SAMPLE_RATE) for _, _, noisy in clips]


def _export(checkpoint: Path, folder: Path, kind: str, opset: int) -> Forms:
    return {
        form: export_checkpoint(
            checkpoint,
            folder / f"{kind}-{opset}-{form}.onnx",
            form,
            precision=kind,
            opset=opset,
        )
        for form in ("stream", "segment")
    }


def hop_ms(model: Path, count: int = 300) -> float:
    """Return the median milliseconds of a 10 ms hop as in live audio, in a hot loop."""
    engine = StreamEngine(load_model(model, provider="cpu"), 1, fixed_block=480)
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 480), np.float32)
    return 1000 * float(np.median(count_times(lambda: engine.step(noise), count)))


def _difference(made: list[Any], exact: list[Any]) -> float | None:
    """Return the level of the difference relative to the exact output in dB; None if they agree."""
    error = sum(float(np.square(a - b).sum()) for a, b in zip(made, exact, strict=True))
    level = sum(float(np.square(b).sum()) for b in exact)
    return 10 * float(np.log10(error / level)) if error else None
