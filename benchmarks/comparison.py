"""The measured part of docs/comparison.md: how rtdenoise stands to each other denoiser.

`python -m benchmarks readme` writes it from benchmarks/results, as it does the other tables.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .reporting import table

# Score, heading, decimals, and whether more is better.
COLUMNS = (
    ("PESQ", "PESQ-WB", 2, True),
    ("ESTOI", "ESTOI", 3, True),
    ("SISDR", "SI-SDR dB", 2, True),
    ("OVRL", "DNSMOS OVRL", 2, True),
    ("LSD_hi", "LSD 8-20 kHz dB", 2, False),
)
OURS = "rtdenoise default"
FILE_SECONDS = 600
NOT_SYSTEMS = ("noisy", "clean")


def compared(results: Path, names: dict[str, str]) -> str:
    """Return the Markdown; `names` are what the systems are called by their makers."""
    sections = {"quality": _sound, "latency": _hop, "files": _files}
    parts = []
    for name, make in sections.items():
        path = results / f"{name}.json"
        if path.is_file():
            parts.append(make(json.loads(path.read_text(encoding="utf-8")), names))
    return "\n" + "\n".join(parts)


def _sound(result: dict[str, Any], names: dict[str, str]) -> str:
    systems = result["systems"]
    name = next(n for n in systems if n.startswith(OURS) and not n.endswith("live"))
    others = {n: s for n, s in systems.items() if not n.startswith(("rtdenoise", *NOT_SYSTEMS))}
    rows = [
        [names.get(other, other), *(_lead(systems[name], scores, *column) for column in COLUMNS)]
        for other, scores in sorted(others.items(), key=lambda item: item[1]["PESQ"])
    ]
    ahead = sum(systems[name]["PESQ"] > scores["PESQ"] for scores in others.values())
    return (
        "## Sound\n\n"
        f"By how much **{name}** is better than each system: + is better, - is worse, in every "
        f"column. It is ahead of {ahead} of {len(others)} in PESQ.\n\n"
        + table(["beside", *(heading for _, heading, _, _ in COLUMNS)], rows)
        + "\nThe scores themselves: [Benchmarks](benchmarks.md#sound-quality).\n"
    )


def _lead(
    ours: dict[str, float],
    theirs: dict[str, float],
    key: str,
    heading: str,
    decimals: int,
    more_is_better: bool,
) -> str:
    """Return by how much ours is better, with its sign."""
    difference = ours[key] - theirs[key]
    return f"{difference if more_is_better else -difference:+.{decimals}f}"


def _hop(result: dict[str, Any], names: dict[str, str]) -> str:
    beside = result["beside"]
    times = {"**rtdenoise**": beside["ours"], **beside["peers"]}
    rows = [
        [system, f"{milliseconds:.2f}"]
        for system, milliseconds in sorted(times.items(), key=lambda item: item[1])
    ]
    return (
        "## Computing time live\n\n"
        "One hop of 10 ms on one CPU thread, hop after hop, measured in turn:\n\n"
        + table(["system", "ms per hop"], rows)
    )


def _files(result: dict[str, Any], names: dict[str, str]) -> str:
    rows = [row for row in result["rows"] if row["seconds"] == FILE_SECONDS and "rate" in row]
    cells = [
        [
            f"**{row['system']}**" if row["system"] == "rtdenoise" else row["system"],
            f"{row['rate']:.0f}",
            f"{row['memory']:,.0f}",
        ]
        for row in sorted(rows, key=lambda row: -row["rate"])
    ]
    return (
        "## Files\n\n"
        f"A file of {FILE_SECONDS // 60} minutes, the whole process on "
        f"{result['machine']['cores']} cores:\n\n"
        + table(["system", "x real time", "peak MB"], cells)
    )
