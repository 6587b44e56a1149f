"""Everything that only a GPU can show, in four minutes, the most important first.

    bash benchmarks/gpu_check.sh --out gpu-check

Each step is a process of its own with a time limit, so that one that fails or hangs costs only
itself. After each, gpu_check.json and gpu_check.md in the output folder are written anew. With the
provider "cpu" every step runs shortly on the CPU: that tries the script, it measures no GPU.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime as ort

from rtdenoise.errors import RtdenoiseError

from ..reporting import write_result
from .gpu_steps import (
    check_card,
    check_files,
    check_latency,
    check_live,
    check_recording,
    check_streams,
    check_tests,
    check_throughput,
)

Step = Callable[[str, bool], dict[str, Any]]
# The step, its limit in seconds; together with the start of eight processes within `BUDGET`.
STEPS: dict[str, tuple[Step, int]] = {
    "card": (check_card, 20),
    "tests": (check_tests, 50),
    "recording": (check_recording, 25),
    "latency": (check_latency, 60),
    "throughput": (check_throughput, 45),
    "streams": (check_streams, 45),
    "files": (check_files, 50),
    "live": (check_live, 45),
}
BUDGET = 240  # s
PATIENCE = {"cuda": 1, "cpu": 10}  # a try on a CPU may take longer: it may be busy with other work
LEAST = 5  # s, under which no further step is begun
NAME = "gpu_check"


def gpu_check(
    out: Path, provider: str, budget: float | None = None, only: list[str] | None = None
) -> str:
    """Run the steps in order, write the results into the folder `out`, return them as Markdown.

    Raises RtdenoiseError at the end if a step failed; all others have run by then.
    """
    out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    patience, text = PATIENCE[provider], ""
    budget = budget or patience * BUDGET
    end = time.monotonic() + budget
    for name in only or list(STEPS):
        left = end - time.monotonic()
        if left > LEAST:
            results[name] = _run(name, provider, min(patience * STEPS[name][1], left), out)
        else:
            results[name] = {"failed": f"not run: the {budget:g} s are over", "seconds": 0.0}
        print(_line(name, results[name]), flush=True)
        text = write_result(out / NAME, {"provider": provider, "steps": results}, _page(results))
    failed = [name for name, result in results.items() if "failed" in result]
    if failed:
        raise RtdenoiseError(f"{', '.join(failed)} failed: the reasons are in {out / NAME}.md")
    return text


def run_step(name: str, provider: str) -> None:
    """Run one step in this process, and print its result as the last line, in JSON."""
    # Short runs on the CPU only try the script.
    result = STEPS[name][0](provider, provider == "cpu")
    print("\n" + json.dumps(result))


def _run(name: str, provider: str, limit: float, out: Path) -> dict[str, Any]:
    """Run a step as a process; returns its result, or how it failed. Its output goes to the log."""
    command = [sys.executable, "-m", "benchmarks", "gpu-check", "--step", name]
    command += ["--provider", provider]
    started = time.monotonic()
    done = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = done.communicate(timeout=limit)
        result = _result(said, done.returncode)
    except subprocess.TimeoutExpired:
        done.kill()
        said, _ = done.communicate()
        result = {"failed": f"stopped after {limit:.0f} s"}
    with (out / f"{NAME}.log").open("a", encoding="utf-8") as log:
        log.write(f"--- {name}\n{said}\n")
    return result | {"seconds": round(time.monotonic() - started, 1)}


def _result(said: str, code: int) -> dict[str, Any]:
    lines = said.strip().splitlines() or [""]
    if code:
        return {"failed": f"exit {code}: {lines[-1][:300]}"}
    try:
        return dict(json.loads(lines[-1]))
    except ValueError:
        return {"failed": f"no result: {lines[-1][:300]}"}


def _line(name: str, result: dict[str, Any]) -> str:
    how = f"FAILED: {result['failed']}" if "failed" in result else result.get("summary", "done")
    return f"{name:<10} {result['seconds']:6.1f} s  {how}"


def _page(results: dict[str, Any]) -> str:
    lines = [f"# Check on a GPU, onnxruntime {ort.__version__}", ""]
    lines += [f"- {_line(name, result)}" for name, result in results.items()]
    tables = [result["table"] for result in results.values() if "table" in result]
    return "\n".join(lines) + "\n\n" + "\n".join(tables)
