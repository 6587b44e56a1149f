"""A long live run on a real sound server with virtual devices, judged by its audio.

A noisy recording is played into a virtual microphone again and again; microphone and virtual
speaker are recorded on one clock. Every 10 s of the recording give the delay of the speaker, the
difference of its audio from the file path's result for the microphone, and dropouts.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from rtdenoise import RtdenoiseError

from ..reporting import write_result
from .rig import RATE, LiveRig
from .soak_judge import judge
from .stall_monitor import StallMonitor

Audio = NDArray[np.float32]
MAX_GROWTH_MS, MIN_SI_SDR_DB = 100, 8  # lenient, because a shared machine often stalls
COUNTED = ("underruns", "device_underruns", "overruns", "deadline_misses", "reconnects")


def soak(
    minutes: float,
    recording: Path,
    hop_ms: float,
    drift_ppm: float,
    out: Path,
    clean: Path | None = None,
    safety_ms: float = 0.0,
    keep: Path | None = None,
    check: bool = False,
) -> str:
    """Run live audio, judge it, write out.json and out.md, and return the Markdown.

    `clean` is `recording` without its noise: with it, the SI-SDR to it is reported too. `keep` is
    a path for the recorded microphone and speaker, as raw float32 stereo. With `check`, raise
    RtdenoiseError if the audio differs from that of the file path, if the latency grew, or if a
    device was lost. The limits allow for a machine that stalls now and then.
    """
    loop = _read_loop(recording)
    reference = _read_loop(clean) if clean else None
    if reference is not None and len(reference) != len(loop):
        raise RtdenoiseError(f"{clean} must be as long as {recording}")
    with LiveRig() as rig:
        measured, states = _run(rig, loop, minutes, hop_ms, drift_ppm, safety_ms)
        if keep:
            shutil.copy(rig.root / "rec.raw", keep)
        result = judge(rig.root / "rec.raw", loop, reference)
    result |= measured | {
        "minutes": minutes,
        "hop_ms": hop_ms,
        "simulated_drift_ppm": drift_ppm,
        "safety_ms": safety_ms,
        "clocks_ppm": clock_drift(states),
        "last": states[-1],
    }
    text = write_result(out, result, _markdown(result))
    if check:
        _check(result)
    return text


def _run(
    rig: LiveRig, loop: Audio, minutes: float, hop_ms: float, drift_ppm: float, safety_ms: float
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run `rtdenoise live` on the loop; return stalls and memory, and its states by second."""
    rig.env["PYTHONPATH"] = str(Path.cwd())
    recorder = rig.record()
    live = _start(rig, hop_ms, drift_ppm, safety_ms)
    monitor = StallMonitor()
    monitor.start()
    _feed(rig, loop, minutes)
    measured: dict[str, Any] = {**monitor.stop(), "peak_memory_MB": _peak_memory(live.pid)}
    live.send_signal(signal.SIGINT)
    live.wait(timeout=30)
    recorder.kill()
    recorder.wait()
    if live.returncode:
        raise RtdenoiseError(f"rtdenoise live failed: {(rig.root / 'errors').read_text().strip()}")
    lines = (rig.root / "lines").read_text().splitlines()
    return measured, [json.loads(line) for line in lines if line.startswith("{")]


def clock_drift(states: list[dict[str, Any]]) -> float:
    """Return by how many ppm the clocks differ: the median of the second half of the run.

    The correction of the last second, `drift_ppm`, is another number. After a stall it is at its
    limit of 500 ppm for a while, because it also takes back the audio that piled up.
    """
    return float(np.median([state["clocks_ppm"] for state in states[len(states) // 2 :]]))


def _check(result: dict[str, Any]) -> None:
    growth = result["latency_end_ms"] - result["latency_start_ms"]
    si_sdr, reconnects = result["si_sdr_to_file_path_median"], result["last"]["reconnects"]
    if growth > MAX_GROWTH_MS or si_sdr < MIN_SI_SDR_DB or reconnects:
        raise RtdenoiseError(
            f"the soak failed: SI-SDR {si_sdr:.1f} dB to the file path, latency {growth:+.1f} ms, "
            f"{reconnects} reconnects"
        )


def _start(
    rig: LiveRig, hop_ms: float, drift_ppm: float, safety_ms: float
) -> subprocess.Popen[bytes]:
    """Start `rtdenoise live`; its output goes to files, as an unread pipe would block it."""
    command = [sys.executable, "-m", "benchmarks.live.simulate_drift", str(drift_ppm)]
    command += ["live", "--json", "--input", "virtmic", "--output", "virtspk"]
    command += ["--hop-ms", str(hop_ms), "--safety-ms", str(safety_ms)]
    with open(rig.root / "lines", "w") as lines, open(rig.root / "errors", "w") as errors:
        live = subprocess.Popen(command, env=rig.env, stdout=lines, stderr=errors)
    time.sleep(3)
    return live


def _peak_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) // 1024


def _read_loop(path: Path) -> Audio:
    audio, rate = sf.read(path, dtype="float32")
    if rate != RATE or audio.ndim > 1:
        raise RtdenoiseError(f"{path}: the soak needs a 48 kHz mono recording")
    return audio


def _feed(rig: LiveRig, audio: Audio, minutes: float) -> None:
    """Play the recording repeatedly, as one stream without gaps."""
    repeats = int(np.ceil(minutes * 60 * RATE / len(audio)))
    player = subprocess.Popen(
        ["paplay", "--device=feed", "--raw", "--format=float32le", "--rate=48000", "--channels=1"],
        env=rig.env,
        stdin=subprocess.PIPE,
    )
    assert player.stdin
    for _ in range(repeats):
        player.stdin.write(audio.tobytes())
    player.stdin.close()
    player.wait()
    time.sleep(1)


def _markdown(result: dict[str, Any]) -> str:
    last = result["last"]
    reported = sum(last["latency_ms"].values())
    rows = {
        "played": f"{result['minutes']:g} min, hop {result['hop_ms']:g} ms, simulated drift "
        f"{result['simulated_drift_ppm']:g} ppm, safety {result['safety_ms']:g} ms",
        "latency: start, end, maximum": f"{result['latency_start_ms']:.1f}, "
        f"{result['latency_end_ms']:.1f}, {result['latency_most_ms']:.1f} ms",
        "latency reported at the end": f"{reported:.1f} ms",
        "speaker against the file path": f"SI-SDR {result['si_sdr_to_file_path_median']:.1f} dB "
        f"(median of {result['windows']} windows of 10 s), worst "
        f"{result['si_sdr_to_file_path_worst']:.1f} dB",
        **_to_clean(result),
        "dropouts": _dropouts(result["dropouts_at_s"]),
        "underruns (ring, device), overruns, deadline misses, reconnects": ", ".join(
            str(last[key]) for key in COUNTED
        ),
        "difference of the clocks, found": f"{result['clocks_ppm']:.0f} ppm",
        "time per hop": f"{last['ms_per_hop']:.2f} ms of {last['hop_ms']:g}",
        "peak memory": f"{result['peak_memory_MB']} MB",
        "stalls of the machine for more than 15 ms": f"{result['stalls']} times, at most "
        f"{result['longest_stall_ms']:.0f} ms; taken by its host {result['stolen_s']:.1f} s",
        "priority of the audio threads": last["priority"],
    }
    lines = [f"| {name} | {text} |" for name, text in rows.items()]
    return "\n".join(["# Live soak", "", "| what | measured |", "| --- | --- |", *lines, ""])


def _dropouts(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    listed = ", ".join(f"{second:g}" for second in seconds[:20])
    return f"{len(seconds)}, at second {listed}" + (" ..." if len(seconds) > 20 else "")


def _to_clean(result: dict[str, Any]) -> dict[str, str]:
    if "live_si_sdr_to_clean" not in result:
        return {}
    return {
        "SI-SDR to the clean recording, file path and live": f"{result['file_si_sdr_to_clean']:.2f}"
        f" and {result['live_si_sdr_to_clean']:.2f} dB (mean of windows), largest loss "
        f"{result['si_sdr_lost_live_worst']:.2f} dB",
    }
