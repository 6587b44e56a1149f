"""The measured tables of README.md and of two pages in docs/, made from benchmarks/results alone.

python -m benchmarks readme

README.md holds the short tables, docs/benchmarks.md the complete ones, and docs/comparison.md how
rtdenoise stands to each other denoiser. Each page has one place
between the markers BEGIN and END that is rewritten; everything around it is written by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rtdenoise.errors import RtdenoiseError

from .comparison import compared
from .gpu_tables import gpu, gpu_long
from .heldout_tables import heldout, heldout_long
from .reporting import RESULTS, table

BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->"
LONG_PAGE = Path("docs/benchmarks.md")  # beside the README
COMPARISON_PAGE = Path("docs/comparison.md")
Make = Callable[[dict[str, Any], str], str]  # a result and the way to its folder, to Markdown

# What the systems of `python -m benchmarks quality` are called by their makers.
NAMES = {
    "speex": "SpeexDSP",
    "webrtc_hi": "WebRTC noise suppression (high)",
    "rnnoise01": "RNNoise 0.1",
    "rnnoise02": "RNNoise 0.2",
    "fastenh_t48": "FastEnhancer-T 48k",
    "fastenh_b48": "FastEnhancer-B 48k",
    "fastenh_s48": "FastEnhancer-S 48k",
    "dtln": "DTLN",
    "gtcrn": "GTCRN",
    "ulunas": "UL-UNAS",
    "dpcrn": "DPCRN",
    "dfn2": "DeepFilterNet 2",
    "dfn3": "DeepFilterNet 3",
    "clean": "clean recording",
}
SHORT_SYSTEMS = ("noisy", "rnnoise02", "fastenh_s48", "dfn3", "dfn2", "rtdenoise default")
QUALITY = {"PESQ": ("PESQ-WB", 2), "ESTOI": ("ESTOI", 3), "SISDR": ("SI-SDR dB", 2)}
QUALITY |= {"OVRL": ("DNSMOS OVRL", 2), "LSD_hi": ("LSD 8-20 kHz dB", 2)}
SHORT_HOPS = [("stream", 10, "hot"), ("stream", 10, "paced"), ("segment", 20, "paced")]
LONG_HOPS = [*SHORT_HOPS[:2], ("stream", 20, "paced"), SHORT_HOPS[2], ("segment", 50, "paced")]
LONG_HOPS += [("whole second", 20, "paced")]
SHORT_FILE = 600  # seconds of audio


def readme(path: Path = Path("README.md"), results: Path = RESULTS) -> str:
    """Rewrite the measured part of the README and of the two pages in docs/ beside it.

    Returns the README's part. Raises RtdenoiseError if a page or its markers are missing; then
    no page is changed.
    """
    pages = {
        path: measured(results),
        path.parent / LONG_PAGE: measured_long(results),
        path.parent / COMPARISON_PAGE: compared(results, NAMES),
    }
    texts = {page: _replaced(page, made) for page, made in pages.items()}
    for page, text in texts.items():
        page.write_text(text, encoding="utf-8")
    return pages[path]


def measured(results: Path = RESULTS) -> str:
    """Return the README's part: a short section for each result file that exists."""
    return _parts(SHORT, results, "benchmarks/results")


def measured_long(results: Path = RESULTS) -> str:
    """Return the part of docs/benchmarks.md: a complete section for each result file."""
    return _parts(LONG, results, "../benchmarks/results")


def _replaced(page: Path, made: str) -> str:
    """Return the text of `page` with `made` between its markers."""
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise RtdenoiseError(
            f"{page} needs the lines {BEGIN.strip()} and {END} once each: add them where the "
            "tables belong"
        )
    before, rest = text.split(BEGIN)
    return before + BEGIN + made + END + rest.split(END)[1]


def _parts(makers: dict[str, Make], results: Path, link: str) -> str:
    found = {name: results / f"{name}.json" for name in makers}
    parts = [
        makers[name](json.loads(path.read_text(encoding="utf-8")), link)
        for name, path in found.items()
        if path.is_file()
    ]
    return "\n" + "\n".join(part for part in parts if part)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _quality_table(result: dict[str, Any], wanted: tuple[str, ...] | None = None) -> str:
    """Return a table of all systems, or of those whose name begins with one of `wanted`."""
    rows = []
    for name, means in sorted(result["systems"].items(), key=lambda item: item[1]["PESQ"]):
        if wanted is None or name.startswith(wanted):
            ours = name.startswith("rtdenoise default")
            label = f"**{name}**" if ours else NAMES.get(name, name)
            rows.append([label, *(f"{means[key]:.{n}f}" for key, (_, n) in QUALITY.items())])
    return table(["system", *(title for title, _ in QUALITY.values())], rows)


def _quality(result: dict[str, Any], link: str) -> str:
    return (
        "**Sound quality**, means over 32 clips that training never used "
        f"([all systems](docs/benchmarks.md#sound-quality), [by SNR]({link}/quality.md)):\n\n"
        + _quality_table(result, SHORT_SYSTEMS)
    )


def _quality_long(result: dict[str, Any], link: str) -> str:
    return (
        "## Sound quality\n\n"
        "Means over 32 clips that training never used; the last column is better when lower. "
        "Command: `python -m benchmarks quality DIR`. "
        f"Scores for each SNR: [quality.md]({link}/quality.md).\n\n" + _quality_table(result)
    )


def _latency_table(result: dict[str, Any], wanted: list[tuple[str, int, str]]) -> str:
    rows = [
        [
            f"{row['provider']}, {row['engine']}, {row['hop_ms']} ms, {row['pace']}",
            *(f"{row[key]:.2f}" for key in ("p50", "p99", "max", "python")),
            f"{row['missed']} of {row['hops']}",
        ]
        for row in result["rows"]
        if (row["engine"], row["hop_ms"], row["pace"]) in wanted or "min" in row["pace"]
    ]
    columns = ["provider, engine, hop, pace", "median", "p99", "max", "outside onnxruntime"]
    return table([*columns, "missed deadlines"], rows)


def _peers(beside: dict[str, Any]) -> str:
    """Return a sentence on the time of a hop of rtdenoise and of others, measured in turn."""
    if "note" in beside:
        return f"{beside['note']}."
    times = [f"{name} {ms:.3f} ms" for name, ms in beside["peers"].items()]
    text = f"rtdenoise {beside['ours']:.3f} ms, {', '.join(times)}".removesuffix(", ")
    missing = f" Not installed: {', '.join(beside['missing'])}." if beside["missing"] else ""
    return f"One 10 ms hop in a hot loop, measured in turn with other denoisers: {text}.{missing}"


def _latency(result: dict[str, Any], link: str) -> str:
    return (
        "**Computing time per hop**, one CPU thread, in ms. A hot loop computes hop after hop; "
        f"a paced run waits for each hop as live audio does ([all hops]({link}/latency.md), "
        f"[histograms]({link}/latency.png)):\n\n"
        + _latency_table(result, SHORT_HOPS)
        + f"\n{_peers(result['beside'])}\n"
    )


def _latency_long(result: dict[str, Any], link: str) -> str:
    return (
        "## Computing time per hop\n\n"
        "One thread, times in ms. A hot loop computes hop after hop; a paced run waits for each "
        "hop as live audio does. Command: `python -m benchmarks latency`. "
        f"All hops: [latency.md]({link}/latency.md). Histograms: [latency.png]({link}/latency.png)."
        "\n\n" + _latency_table(result, LONG_HOPS) + f"\n{_peers(result['beside'])}\n"
    )


def _throughput_text(result: dict[str, Any]) -> str:
    sentences = []
    for provider, (flops, bandwidth) in result["ceilings"].items():
        best = max(
            (row for row in result["rows"] if row["provider"] == provider),
            key=lambda row: row["rate"],
        )
        core = "one CPU core" if provider == "cpu" else "one GPU"
        sentences.append(
            f"{best['rate']:.0f} times real time on {core} (batch {best['batch']}, pieces of "
            f"{best['piece']:g} s), which is {best['roof']:.0%} of the roofline limit "
            f"({flops:.0f} GFLOP/s and {bandwidth:.0f} GB/s, measured); "
            f"{result['streams'][provider]} live streams at once with 20 ms hops"
        )
    return ". ".join(sentences)


def _throughput(result: dict[str, Any], link: str) -> str:
    return f"**Throughput**: {_throughput_text(result)} ([table]({link}/throughput.md)).\n"


def _throughput_long(result: dict[str, Any], link: str) -> str:
    return (
        "## Throughput\n\n"
        f"{_throughput_text(result)}. Command: `python -m benchmarks throughput`. All batch sizes: "
        f"[throughput.md]({link}/throughput.md). Roofline: [throughput.png]({link}/throughput.png)."
        "\n"
    )


def _files_table(rows: list[dict[str, Any]]) -> str:
    cells = [
        [
            row["system"],
            f"{row['seconds']:,}",
            *(_short(row[key]) for key in ("time", "rate", "ratio", "memory")),
        ]
        if "time" in row
        else [row["system"], f"{row['seconds']:,}", row["note"], "", "", ""]
        for row in rows
    ]
    columns = ["system", "audio s", "wall s", "x real time", "time / rtdenoise's", "peak MB"]
    return table(columns, cells)


def _files(result: dict[str, Any], link: str) -> str:
    rows = [row for row in result["rows"] if row["seconds"] == SHORT_FILE]
    return (
        f"**Files**: whole process for a ten-minute file on {result['machine']['cores']} cores "
        "([1 s to 2 h](docs/benchmarks.md#files)):\n\n" + _files_table(rows)
    )


def _files_long(result: dict[str, Any], link: str) -> str:
    return (
        "## Files\n\n"
        f"The whole process from start to exit, on {result['machine']['cores']} cores, one system "
        "after the other. The other systems receive the whole file at once, because they bring no "
        "file reader that works here. Command: `python -m benchmarks files`. "
        f"Chart: [files.png]({link}/files.png).\n\n" + _files_table(result["rows"])
    )


def _training_long(result: dict[str, Any], link: str) -> str:
    keys = ("network", "rate", "mixing", "loss", "network_share")
    rows = [
        [f"{row[key]:.1f}" if key == "rate" else row[key] for key in keys] for row in result["rows"]
    ]
    columns = ["network", "audio-s/s", "mixing", "loss", "network and optimiser"]
    return (
        "## Training\n\n"
        "Audio-seconds trained on per second, and the shares of a step's time. "
        "Command: `python -m benchmarks training PACKED`. "
        f"Chart: [training.png]({link}/training.png).\n\n" + table(columns, rows)
    )


SHORT: dict[str, Make] = {
    "quality": _quality,
    "heldout": heldout,
    "latency": _latency,
    "throughput": _throughput,
    "files": _files,
    "gpu_check": gpu,
}
LONG: dict[str, Make] = {
    "quality": _quality_long,
    "heldout": heldout_long,
    "latency": _latency_long,
    "throughput": _throughput_long,
    "files": _files_long,
    "gpu_check": gpu_long,
    "training": _training_long,
}
