"""Compares networks: each is trained for the same time on one machine, then scored.

    python -m benchmarks bakeoff PACKED EVAL --minutes 12

Each entry runs `python -m train`. An entry whose folder holds last.pth is not trained again.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from torch.utils.flop_counter import FlopCounterMode

from export.onnx_export import export_checkpoint
from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError
from train.checkpoint import load_checkpoint, load_network
from train.networks import DenoisingNetwork, for_export, one_pass, zero_timestep

from ..reporting import write_result
from ..speed.timing import times_within
from .quality import Map, evaluate, harmlessness, load_clips

WIDE = {  # most of its weights in the full-band path, over time
    "channels": 24,
    "dilations": [1, 1],
    "leave": 1,
    "join": 1,
    "full_band": 192,
    "full_band_dilations": [1, 2, 4, 8, 16, 32, 1, 2],
    "history": 0,
    "taps": 1,
    "fine": False,
    "detail": 64,
}
# name: network, its options, learning rate
ENTRIES: dict[str, tuple[str, dict[str, Any], float]] = {
    "default": ("default", {}, 2e-3),
    "wide": ("default", WIDE, 2e-3),
    "recurrent": ("recurrent", {}, 2e-3),
    "unet": ("unet", {}, 1e-3),
    "baseline": ("baseline", {}, 1e-3),
}
COLUMNS = {
    "PESQ": "PESQ-WB",
    "ESTOI": "ESTOI",
    "SISDR": "SI-SDR dB",
    "OVRL": "OVRL",
    "clean_SISDR": "clean SI-SDR dB",
    "audio_hours": "audio h",
    "parameters": "parameters",
    "macs": "MMAC/s",
    "hop_ms": "ms per 10 ms hop",
    "segment_ms": "ms per segment",
}


def train_entry(name: str, packed: Path, folder: Path, minutes: float) -> Path:
    """Train one entry for `minutes` and return its last checkpoint."""
    last = folder / name / "last.pth"
    if last.is_file():
        return last
    network, options, rate = ENTRIES[name]
    command = [sys.executable, "-m", "train", "--preset", "default", "--network", network]
    command += ["--network-options", json.dumps(options)]
    command += ["--optimizer", "adamw", "--learning-rate", str(rate)]
    command += [
        "--packed",
        str(packed / "train"),
        "--validation-packed",
        str(packed / "validation"),
    ]
    command += ["--batch", "8", "--segment", "120000", "--epochs", "100"]
    command += ["--steps-per-epoch", "10000", "--warm-up", "100", "--ema", "0.99", "--threads", "2"]
    command += ["--max-minutes", str(minutes), "--checkpoints", str(last.parent)]
    with open(folder / f"{name}.log", "w", encoding="utf-8") as log:
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode
    if code:
        raise RtdenoiseError(f"training {name} failed: see {log.name}")
    return last


def multiply_adds(network: DenoisingNetwork) -> float:
    """Return the number of multiply-accumulates per second of audio in the exported form."""
    exported = for_export(network)
    audio, t = torch.zeros(1, 1, SAMPLE_RATE), zero_timestep(1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        exported.denoise(audio, exported.condition(t))
    return counter.get_total_flops() / 2


def run_ms(model: Path, samples: int, seconds: float = 2.0) -> float:
    """Return the median milliseconds of one call on one thread, in a hot loop."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(model), options, ["CPUExecutionProvider"])
    feeds = {
        x.name: np.zeros([d if isinstance(d, int) else 1 for d in x.shape], np.float32)
        for x in session.get_inputs()
    }
    feeds["audio"] = 0.1 * np.random.default_rng(0).standard_normal((1, 1, samples), np.float32)
    return 1000 * statistics.median(times_within(lambda: session.run(None, feeds), seconds, 20))


def measure(name: str, checkpoint: Path, clips: list, each: Map = map) -> dict[str, Any]:
    """Score one entry and time its exported forms."""
    network, saved = load_network(checkpoint).eval(), load_checkpoint(checkpoint)
    config = saved["config"]
    scores, _ = evaluate(clips, lambda x: one_pass(network, x), each)
    kept = harmlessness(clips, lambda x: one_pass(network, x), each)
    times = {}
    for form, samples in (("segment", SAMPLE_RATE), ("stream", 480)):
        if form == "segment" or network.streams:
            model = export_checkpoint(checkpoint, checkpoint.parent / f"{name}-{form}.onnx", form)
            times[form] = run_ms(model, samples)
    return {
        "name": name,
        **scores,
        **kept,
        "steps": saved["step"],
        "audio_hours": saved["step"] * config["batch"] * config["segment"] / SAMPLE_RATE / 3600,
        "parameters": sum(p.numel() for p in network.parameters()),
        "macs": multiply_adds(network) / 1e6,
        "segment_ms": times["segment"],
        "hop_ms": times.get("stream"),
    }


def bakeoff(packed: Path, clips: Path, folder: Path, minutes: float, out: Path) -> str:
    """Train and score every entry; write out.json and out.md and return the table."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoints = {name: train_entry(name, packed, folder, minutes) for name in ENTRIES}
    loaded = load_clips(clips)
    # Spawned, not forked: a forked onnxruntime session hangs.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        rows = [measure(name, path, loaded, pool.map) for name, path in checkpoints.items()]
    text = f"# {minutes:g} minutes of training each, two threads\n\n{table(rows)}"
    return write_result(out, {"minutes": minutes, "rows": rows}, text)


def table(rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table with one row for each entry."""
    lines = ["| network | " + " | ".join(COLUMNS.values()) + " |"]
    lines.append("|" + "---|" * (len(COLUMNS) + 1))
    for row in rows:
        lines.append(f"| {row['name']} | " + " | ".join(_cell(row[key]) for key in COLUMNS) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
