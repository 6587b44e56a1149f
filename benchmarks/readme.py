"""The README's tables of measurements, made from benchmarks/results and from nothing else.

python -m benchmarks readme
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rtdenoise.errors import RtdenoiseError

from .reporting import RESULTS
from .speed.peer_hop import sentence

BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->"
SHOWN = {"noisy": "noisy", "rnnoise01": "RNNoise 0.1", "rnnoise02": "RNNoise 0.2"}
SHOWN |= {"fastenh_s48": "FastEnhancer-S 48k", "dfn3": "DeepFilterNet 3"}


def readme(path: Path = Path("README.md"), results: Path = RESULTS) -> str:
    """Rewrite what lies between the README's markers; returns it."""
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise RtdenoiseError(f"{path} has no place marked {BEGIN.strip()} ... {END}")
    before, rest = text.split(BEGIN)
    made = measured(results)
    path.write_text(before + BEGIN + made + END + rest.split(END)[1], encoding="utf-8")
    return made


def measured(results: Path = RESULTS) -> str:
    """Return the section: a part for each result file there is."""
    parts = [
        make(json.loads((results / f"{name}.json").read_text()))
        for name, make in PARTS.items()
        if (results / f"{name}.json").is_file()
    ]
    return "\n" + "\n".join(parts)


def _table(heading: str, columns: list[str], rows: list[list[str]]) -> str:
    lines = [heading, "", "| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _quality(result: dict[str, Any]) -> str:
    rows = []
    for name, means in sorted(result["systems"].items(), key=lambda item: item[1]["PESQ"]):
        ours = name.startswith("rtdenoise ")
        if name in SHOWN or ours:
            label = f"**{name}**" if name.startswith("rtdenoise default") else SHOWN.get(name, name)
            cells = [f"{means['PESQ']:.2f}", f"{means['ESTOI']:.3f}", f"{means['SISDR']:.2f}"]
            rows.append([label, *cells, f"{means['OVRL']:.2f}"])
    heading = (
        "**Sound**: means over 32 clips that it never saw (`python -m benchmarks quality DIR`; "
        "[more systems and columns](benchmarks/results/quality.md))."
    )
    return _table(heading, ["", "PESQ-WB", "ESTOI", "SI-SDR dB", "DNSMOS OVRL"], rows)


def _latency(result: dict[str, Any]) -> str:
    wanted = [("stream", 10, "hot"), ("stream", 10, "paced"), ("stream", 20, "paced")]
    wanted += [("segment", 20, "paced"), ("segment", 50, "paced"), ("whole second", 20, "paced")]
    rows = [
        [
            f"{row['provider']}, {row['engine']}, {row['hop_ms']} ms, {row['pace']}",
            *(f"{row[key]:.2f}" for key in ("p50", "p99", "max", "python")),
            f"{row['missed']} of {row['hops']}",
        ]
        for row in result["rows"]
        if (row["engine"], row["hop_ms"], row["pace"]) in wanted or "min" in row["pace"]
    ]
    heading = (
        "**Time of a hop**, one thread, ms; paced is as live audio comes (`python -m benchmarks "
        "latency`; [all hops](benchmarks/results/latency.md), "
        "[histograms](benchmarks/results/latency.png))."
    )
    columns = ["", "median", "p99", "max", "outside onnxruntime", "late"]
    return _table(heading, columns, rows) + f"\n{sentence(result['beside'])}\n"


def _throughput(result: dict[str, Any]) -> str:
    said = []
    for provider, (flops, bandwidth) in result["ceilings"].items():
        best = max(
            (row for row in result["rows"] if row["provider"] == provider),
            key=lambda row: row["rate"],
        )
        core = "one core" if provider == "cpu" else "one GPU"
        said.append(
            f"{provider}: {best['rate']:.0f} x real time on {core} (batch {best['batch']}, pieces "
            f"of {best['piece']:g} s), {best['roof']:.0%} of the binding roof ({flops:.0f} "
            f"GFLOP/s, {bandwidth:.0f} GB/s measured); {result['streams'][provider]} live streams "
            "with hops of 20 ms"
        )
    return (
        f"**Throughput**: {'; '.join(said)} (`python -m benchmarks throughput`; "
        "[table](benchmarks/results/throughput.md), "
        "[roofline](benchmarks/results/throughput.png)).\n"
    )


def _files(result: dict[str, Any]) -> str:
    rows = [
        [
            row["system"],
            f"{row['seconds']:,}",
            *(_short(row[key]) for key in ("time", "rate", "ratio", "memory")),
        ]
        if "time" in row
        else [row["system"], f"{row['seconds']:,}", row["note"], "", "", ""]
        for row in result["rows"]
    ]
    heading = (
        f"**Files** on {result['machine']['cores']} cores, the whole process, in turn "
        "(`python -m benchmarks files`). Peers get the whole file at once, as their own readers do "
        "not run or are not there."
    )
    columns = ["", "audio s", "wall s", "x real time", "time over ours", "peak MB"]
    return _table(heading, columns, rows)


def _training(result: dict[str, Any]) -> str:
    keys = ("network", "rate", "mixing", "loss", "network_share")
    rows = [
        [f"{row[key]:.1f}" if key == "rate" else row[key] for key in keys] for row in result["rows"]
    ]
    heading = "**Training**: shares of a step's time (`python -m benchmarks training PACKED`)."
    columns = ["network", "audio-s/s", "mixing", "loss", "network and optimiser"]
    return _table(heading, columns, rows)


PARTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "quality": _quality,
    "latency": _latency,
    "throughput": _throughput,
    "files": _files,
    "training": _training,
}
