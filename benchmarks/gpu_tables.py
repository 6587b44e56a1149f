"""What `bash benchmarks/gpu_check.sh` found on a card, for the README and docs/benchmarks.md.

A try on the CPU leaves a file of the same form. It measures no GPU, so it gets no section.
"""

from __future__ import annotations

from typing import Any

from .reporting import table

SHORT_STEPS = ("latency", "throughput", "streams", "files")  # the others prove, these measure
COMMAND = "bash benchmarks/gpu_check.sh --out benchmarks/results"


def gpu(result: dict[str, Any], link: str) -> str:
    """Return the README's section: a line for each step that measures."""
    if result["provider"] != "cuda":
        return ""
    rows = _rows(result["steps"], SHORT_STEPS)
    return (
        f"**GPU** ({_card(result)}; [all steps](docs/benchmarks.md#gpu), "
        f"[tables]({link}/gpu_check.md)):\n\n" + table(["", "measured"], rows)
    )


def gpu_long(result: dict[str, Any], link: str) -> str:
    """Return the section of docs/benchmarks.md: every step, and the tables of those with one."""
    if result["provider"] != "cuda":
        return ""
    steps = result["steps"]
    tables = [step["table"].replace("# ", "### ", 1) for step in steps.values() if "table" in step]
    return (
        f"## GPU\n\n{_card(result)}. Command: `{COMMAND}`. "
        f"Figures: [gpu_check.json]({link}/gpu_check.json).\n\n"
        + "\n".join([table(["step", "found"], _rows(steps, tuple(steps))), *tables])
    )


def _card(result: dict[str, Any]) -> str:
    """Name the card, its driver and onnxruntime."""
    step = result["steps"].get("card", {})
    name, driver, *_ = (*(part.strip() for part in step.get("card", "").split(",")), "", "")
    found = {"": name or "unknown card", "driver": driver, "onnxruntime": step.get("onnxruntime")}
    return ", ".join(f"{what} {value}".strip() for what, value in found.items() if value)


def _rows(steps: dict[str, Any], wanted: tuple[str, ...]) -> list[list[str]]:
    return [[name, _found(steps[name])] for name in wanted if name in steps]


def _found(step: dict[str, Any]) -> str:
    return f"failed: {step['failed']}" if "failed" in step else step["summary"]
