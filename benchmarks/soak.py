"""A long live run on a real sound server with virtual devices, judged by the audio itself.

A noisy recording is played into a virtual microphone over and over; microphone and virtual
speaker are recorded on one clock. Minute by minute: how late is the speaker, how close is it to
what the file path makes of the very same microphone audio, and did anything drop out?
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.latency_probe import find
from train.metrics import si_sdr

from .machine import describe

Audio = NDArray[np.float32]
RATE = 48_000
WINDOW = 10 * RATE  # frames compared at once
DROPOUT_DB = 20.0  # a second this far from the file path's has lost something


def soak(minutes: float, recording: Path, hop_ms: float, drift_ppm: float, out: Path) -> str:
    """Run, judge, write out.json and out.md; returns the Markdown."""
    from tests.live_rig import LiveRig  # the tests' private sound server

    with LiveRig() as rig:
        rig.env["PYTHONPATH"] = str(Path.cwd())
        recorder = rig.record()
        live = _start(rig, hop_ms, drift_ppm)
        _feed(rig, recording, minutes)
        memory = _peak_memory(live.pid)
        live.send_signal(signal.SIGINT)
        live.wait(timeout=30)
        recorder.kill()
        recorder.wait()
        if live.returncode:
            raise RtdenoiseError(
                f"rtdenoise live failed: {(rig.root / 'errors').read_text().strip()}"
            )
        result = judge(rig.root / "rec.raw")
        lines = (rig.root / "lines").read_text().splitlines()
    states = [json.loads(line) for line in lines if line.startswith("{")]
    result |= {
        "minutes": minutes,
        "hop_ms": hop_ms,
        "simulated_drift_ppm": drift_ppm,
        "machine": describe(),
        "peak_memory_MB": memory,
        "last": states[-1],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(result, indent=1))
    text = _markdown(result)
    out.with_suffix(".md").write_text(text)
    return text


def judge(raw: Path) -> dict[str, Any]:
    """Compare microphone and speaker in windows of ten seconds."""
    data = np.memmap(raw, np.float32, "r")
    both = data[: len(data) // 2 * 2].reshape(-1, 2)
    denoiser, rows = Denoiser(provider="cpu"), []
    for start in range(2 * RATE, len(both) - WINDOW - RATE, WINDOW):
        # A second of history first, so that the network has settled as it had in the live run.
        microphone = np.array(both[start - RATE : start + WINDOW, 0])
        expected = denoiser(microphone, RATE)[RATE:]
        speaker = np.array(both[start : start + WINDOW + RATE // 2, 1])
        if np.abs(expected).max() < 1e-4:
            continue
        rows.append(_compare(expected, speaker))
    late = [row["late_ms"] for row in rows]
    closeness = [row["si_sdr"] for row in rows]
    return {
        "windows": len(rows),
        "latency_start_ms": float(np.median(late[:6])),
        "latency_end_ms": float(np.median(late[-6:])),
        "latency_most_ms": max(late),
        "si_sdr_to_file_path_median": float(np.median(closeness)),
        "si_sdr_to_file_path_worst": min(closeness),
        "seconds_with_dropouts": sum(row["dropouts"] for row in rows),
    }


def _compare(expected: Audio, speaker: Audio) -> dict[str, float]:
    lag, _ = find(expected, speaker)
    heard = speaker[lag : lag + len(expected)]
    seconds = range(0, len(expected) - RATE + 1, RATE)
    loud = [i for i in seconds if np.std(expected[i : i + RATE]) > 1e-3]
    close = [si_sdr(expected[i : i + RATE], heard[i : i + RATE]) for i in loud]
    return {
        "late_ms": 1000 * lag / RATE,
        "si_sdr": min(si_sdr(expected, heard), 100.0),
        "dropouts": sum(value < DROPOUT_DB for value in close),
    }


def _start(rig: Any, hop_ms: float, drift_ppm: float) -> subprocess.Popen[bytes]:
    """Start it with its output in files: a pipe that nobody reads would fill up and block it."""
    command = [sys.executable, "-m", "benchmarks.drifting_live", str(drift_ppm), "live", "--json"]
    command += ["--input", "virtmic", "--output", "virtspk", "--hop-ms", str(hop_ms)]
    with open(rig.root / "lines", "w") as lines, open(rig.root / "errors", "w") as errors:
        live = subprocess.Popen(command, env=rig.env, stdout=lines, stderr=errors)
    time.sleep(3)
    return live


def _peak_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) // 1024


def _feed(rig: Any, recording: Path, minutes: float) -> None:
    """Play the recording again and again, in one go, so that there is no gap between rounds."""
    audio, rate = sf.read(recording, dtype="float32")
    if rate != RATE or audio.ndim > 1:
        raise RtdenoiseError(f"{recording}: the soak needs a 48 kHz mono recording")
    rounds = int(np.ceil(minutes * 60 * RATE / len(audio)))
    player = subprocess.Popen(
        ["paplay", "--device=feed", "--raw", "--format=float32le", "--rate=48000", "--channels=1"],
        env=rig.env,
        stdin=subprocess.PIPE,
    )
    assert player.stdin
    for _ in range(rounds):
        player.stdin.write(audio.tobytes())
    player.stdin.close()
    player.wait()
    time.sleep(1)


def _markdown(result: dict[str, Any]) -> str:
    last = result["last"]
    reported = sum(last["latency_ms"].values())
    rows = {
        "played": f"{result['minutes']:g} min, hop {result['hop_ms']:g} ms, simulated drift "
        f"{result['simulated_drift_ppm']:g} ppm",
        "latency at the start, at the end, at most": f"{result['latency_start_ms']:.1f}, "
        f"{result['latency_end_ms']:.1f}, {result['latency_most_ms']:.1f} ms",
        "latency reported at the end": f"{reported:.1f} ms",
        "speaker against the file path": f"SI-SDR {result['si_sdr_to_file_path_median']:.1f} dB "
        f"(median of {result['windows']} windows of 10 s), worst "
        f"{result['si_sdr_to_file_path_worst']:.1f} dB",
        "seconds with dropouts": str(result["seconds_with_dropouts"]),
        "underruns, overruns, deadline misses, reconnects": ", ".join(
            str(last[key]) for key in ("underruns", "overruns", "deadline_misses", "reconnects")
        ),
        "drift compensated": f"{last['drift_ppm']:.0f} ppm",
        "time per hop": f"{last['ms_per_hop']:.2f} ms of {last['hop_ms']:g}",
        "peak memory": f"{result['peak_memory_MB']} MB",
        "load average of the machine": str(result["machine"]["load_average"]),
    }
    lines = [f"| {name} | {text} |" for name, text in rows.items()]
    return "\n".join(["# Live soak", "", "| what | measured |", "| --- | --- |", *lines, ""])
