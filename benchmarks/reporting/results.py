"""Writes measurements: a .json file with all values and a .md file to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .machine import describe, sentence

RESULTS = Path("benchmarks/results")


def write_result(out: Path, result: dict[str, Any], text: str) -> str:
    """Write out.json (with the machine described) and out.md; returns the Markdown."""
    machine = describe()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps({"machine": machine, **result}, indent=1) + "\n")
    text = f"{text.rstrip()}\n\n{sentence(machine)}\n"
    out.with_suffix(".md").write_text(text)
    return text


def table(columns: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table of cells that are text already."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def markdown(title: str, columns: dict[str, str], rows: list[dict[str, Any]]) -> str:
    """Return a titled table of `rows`; `columns` maps their keys to headings."""
    lines = [f"# {title}", "", "| " + " | ".join(columns.values()) + " |"]
    lines.append("| " + " | ".join("---" for _ in columns) + " |")
    lines += ["| " + " | ".join(_cell(row.get(key)) for key in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
