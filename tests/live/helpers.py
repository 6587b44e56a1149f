"""What tests of live audio share: starting the program, playing to it, comparing what came out."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.live.rig import RATE, LiveRig
from rtdenoise import Denoiser

ROOT = str(Path(__file__).parents[2])


def start(rig: LiveRig, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "rtdenoise.cli", "live", *map(str, arguments)]
    return subprocess.Popen(
        command, env=rig.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(process: subprocess.Popen, text: str) -> str:
    """Read its output up to the line with `text`."""
    lines = ""
    assert process.stdout and process.stderr
    while text not in lines:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        lines += line
    return lines


def speech(seconds: float) -> np.ndarray:
    rng, frames = np.random.default_rng(1), int(seconds * RATE)
    envelope = np.abs(np.sin(np.arange(frames) / RATE * 7)) ** 2
    return (rng.standard_normal(frames) * envelope * 0.1).astype("f")


def lag(reference: np.ndarray, delayed: np.ndarray) -> tuple[int, float]:
    """Return where `reference` begins in `delayed`, and the normalised correlation there."""
    size = 1 << (len(reference) + len(delayed)).bit_length()
    product = np.fft.rfft(delayed, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.fft.irfft(product, size)[: len(delayed) - len(reference) + 1]
    at = int(np.argmax(np.abs(correlation)))
    piece = delayed[at : at + len(reference)]
    return at, float(correlation[at] / (np.linalg.norm(piece) * np.linalg.norm(reference) + 1e-9))


def share_heard(reference: np.ndarray, delayed: np.ndarray, piece: int = RATE // 20) -> float:
    """Return the share of the pieces of `reference` that are in `delayed` as they are.

    A host that stands still takes a block away or adds silence: that moves what comes after.
    """
    pieces = [reference[i : i + piece] for i in range(0, len(reference) - piece + 1, piece)]
    return float(np.mean([lag(part, delayed)[1] > 0.99 for part in pieces]))


def play_and_stop(
    rig: LiveRig, process: subprocess.Popen, audio: np.ndarray, after: float = 0.5
) -> tuple[str, str]:
    """Play into the microphone, wait, press Ctrl-C; return stdout and stderr."""
    rig.play(audio)
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=10)


def live_round_trip(rig: LiveRig, model: Path, *options: str) -> tuple[float, float, float, str]:
    """Play into the microphone; return (reported, measured latency in ms, correlation, output).

    Reported: of what it said from second to second the nearest to what was measured, as a machine
    that stands still for a moment makes the latency grow and shrink again.
    """
    audio = speech(4.0)
    recorder = rig.record()
    devices = ("--input", "virtmic", "--output", "virtspk")
    process = start(rig, *devices, "--model", model, "--json", *options)
    try:
        wait_for(process, "{")
        time.sleep(1.0)
        out, err = play_and_stop(rig, process, audio, 0.6)
    finally:
        process.kill()
        recorder.kill()
        recorder.wait()
    assert process.returncode == 0, err
    microphone, speaker = rig.recording().T
    expected = Denoiser(model)(audio, RATE)
    middle = slice(RATE, 3 * RATE)
    played_at, _ = lag(audio[middle], microphone)
    heard_at, correlation = lag(expected[middle], speaker)
    measured = (heard_at - played_at) * 1000 / RATE
    states = [json.loads(line) for line in out.splitlines()]
    reported = [sum(state["latency_ms"].values()) for state in states]
    nearest = min(reported, key=lambda ms: abs(ms - measured))
    return nearest, measured, correlation, f"{err}\nreported: {reported}"


def settled_round_trip(rig: LiveRig, model: Path, *options: str) -> tuple[float, float, float, str]:
    """As `live_round_trip`; a sound server on a busy machine may lose a block: up to 3 tries."""
    for _ in range(3):
        reported, measured, correlation, out = live_round_trip(rig, model, *options)
        if correlation > 0.999 and abs(measured - reported) <= 10:
            break
    return reported, measured, correlation, out
