"""Shared by the tests of live audio: start the program, play to it, compare the result."""

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
    """Read the process's stdout up to the line with `text`."""
    lines = ""
    assert process.stdout and process.stderr
    while text not in lines:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        lines += line
    return lines


def speech(seconds: float) -> np.ndarray:
    """Return noise that swells and fades like syllables, [frames]."""
    rng, frames = np.random.default_rng(1), int(seconds * RATE)
    envelope = np.abs(np.sin(np.arange(frames) / RATE * 7)) ** 2
    return (rng.standard_normal(frames) * envelope * 0.1).astype("f")


def lag(reference: np.ndarray, delayed: np.ndarray) -> tuple[int, float]:
    """Return where `reference` starts in `delayed`, and the normalised correlation there."""
    size = 1 << (len(reference) + len(delayed)).bit_length()
    product = np.fft.rfft(delayed, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.fft.irfft(product, size)[: len(delayed) - len(reference) + 1]
    at = int(np.argmax(np.abs(correlation)))
    piece = delayed[at : at + len(reference)]
    return at, float(correlation[at] / (np.linalg.norm(piece) * np.linalg.norm(reference) + 1e-9))


def share_heard(reference: np.ndarray, delayed: np.ndarray, piece: int = RATE // 20) -> float:
    """Return the share of the pieces of `reference` that are unchanged in `delayed`.

    When the host stands still, a block is lost or silence is inserted, and the rest moves.
    """
    pieces = [reference[i : i + piece] for i in range(0, len(reference) - piece + 1, piece)]
    return float(np.mean([lag(part, delayed)[1] > 0.99 for part in pieces]))


def play_and_stop(
    rig: LiveRig, process: subprocess.Popen, audio: np.ndarray, after: float = 0.5
) -> tuple[str, str]:
    """Play into the microphone, wait, stop with Ctrl-C; return stdout and stderr."""
    rig.play(audio)
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=10)


def live_round_trip(rig: LiveRig, model: Path, *options: str) -> tuple[float, float, float, str]:
    """Play into the microphone; return (reported, measured latency in ms, correlation, output).

    The reported latency is the second's value that is nearest to the measured one: when the machine
    stands still for a moment, the latency grows and shrinks again.
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
    """Try `live_round_trip` up to 3 times: a sound server on a busy machine may lose a block."""
    for _ in range(3):
        reported, measured, correlation, out = live_round_trip(rig, model, *options)
        if correlation > 0.999 and abs(measured - reported) <= 10:
            break
    return reported, measured, correlation, out
