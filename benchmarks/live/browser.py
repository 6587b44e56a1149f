"""The microphone of the page of `rtdenoise app` for long: dropouts and time per hop in Chromium.

Chromium's fake microphone plays the recording in a loop. The figures are those that the page shows.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from rtdenoise.app import PageServer, build_site, find_runtime
from rtdenoise.errors import RtdenoiseError

from ..reporting import write_result
from .chromium import chromium
from .stall_monitor import StallMonitor

READ_SECONDS = 5.0  # the page's times per hop are those of the last 5 s
FIGURES = """() => ({
  dropouts: Number(document.querySelector("#dropouts").dataset.count),
  lost_ms: Number(document.querySelector("#dropouts").dataset.lostMs),
  left_out: Number(document.querySelector("#dropouts").dataset.leftOut),
  median_ms: Number(document.querySelector("#hop-time").dataset.median),
  p99_ms: Number(document.querySelector("#hop-time").dataset.p99),
  latency_ms: Number(document.querySelector("#latency").dataset.ms),
  seconds: Number(document.querySelector("#running").dataset.seconds),
})"""


def measure_browser(minutes: float, recording: Path, out: Path, check: bool) -> str:
    """Run the page's microphone; return the table. With `check`, raise if there was a dropout."""
    server = PageServer(build_site(find_runtime()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monitor = StallMonitor()
    with chromium(recording) as browser:
        page = browser.new_page()
        page.goto(server.url)
        page.click("#mic-tab")
        page.check("#listen")
        page.click("#live")
        page.wait_for_selector("#hop-time[data-median]", timeout=120_000)
        monitor.start()
        end, readings = time.monotonic() + 60 * minutes, []
        while time.monotonic() < end:
            page.wait_for_timeout(1000 * min(READ_SECONDS, max(0.1, end - time.monotonic())))
            readings.append(page.evaluate(FIGURES))
    server.shutdown()
    result = summarise(readings, browser.version) | monitor.stop()
    text = write_result(out, {"result": result, "readings": readings}, table(result))
    if check and result["dropouts"]:
        raise RtdenoiseError(f"there were {result['dropouts']} dropouts: see {out}.md")
    return text


def summarise(readings: list[dict[str, float]], version: str) -> dict[str, Any]:
    """Return counters at the end, and medians and the worst of the times and latencies."""
    last = readings[-1]
    ordered = sorted(reading["median_ms"] for reading in readings)
    latencies = sorted(reading["latency_ms"] for reading in readings)
    return {
        "browser": f"Chromium {version}",
        "seconds": round(last["seconds"], 1),
        "dropouts": int(last["dropouts"]),
        "lost_ms": round(last["lost_ms"]),
        "hops_left_out": int(last["left_out"]),
        "median_ms": round(ordered[len(ordered) // 2], 2),
        "worst_p99_ms": round(max(reading["p99_ms"] for reading in readings), 1),
        "latency_ms": round(latencies[len(latencies) // 2]),
    }


def table(result: dict[str, Any]) -> str:
    """Return the result as Markdown."""
    names = {
        "browser": "browser",
        "seconds": "seconds of live audio",
        "dropouts": "dropouts",
        "lost_ms": "sound lost by them, ms",
        "hops_left_out": "hops left out by overload",
        "median_ms": "time per 10 ms hop, median, ms",
        "worst_p99_ms": "the same, worst p99 of 5 s, ms",
        "latency_ms": "latency that the page states, median, ms",
        "stalls": "stalls of the machine for more than 15 ms",
        "longest_stall_ms": "the longest of them, ms",
        "stolen_s": "processor time that the host took away, s",
    }
    rows = [f"| {text} | {result[key]} |" for key, text in names.items()]
    return "\n".join(["# The page's microphone", "", "| figure | value |", "| --- | --- |", *rows])
