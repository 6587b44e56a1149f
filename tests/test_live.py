"""The live path: on a real sound server with virtual devices, and its parts alone."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from live_rig import RATE, LiveRig

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.devices import Device, choose_device, refuse_feedback
from rtdenoise.live import LiveOptions, LiveSession
from rtdenoise.ring import Ring

ROOT = str(Path(__file__).parents[1])


@pytest.fixture(scope="module")
def rig() -> Iterator[LiveRig]:
    with LiveRig() as started:
        started.env["PYTHONPATH"] = ROOT
        yield started


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


def live_round_trip(rig: LiveRig, model: Path, *options: str) -> tuple[float, float, float, str]:
    """Play into the microphone; return (reported, measured latency in ms, correlation, output)."""
    audio = speech(4.0)
    recorder = rig.record()
    process = start(rig, "--input", "virtmic", "--output", "virtspk", "--model", model, *options)
    try:
        head = wait_for(process, "->")
        time.sleep(1.0)
        rig.play(audio)
        time.sleep(0.6)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
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
    reported = float(re.findall(r"latency at the end ([\d.]+) ms", out)[0])
    return reported, (heard_at - played_at) * 1000 / RATE, correlation, head + out


@pytest.mark.parametrize("options", [(), ("--hop-ms", "20")])
def test_the_speaker_plays_the_denoised_microphone(rig, toy_stream_model, options):
    for _ in range(2):  # a sound server on a busy machine may lose a block: one retry
        reported, measured, correlation, out = live_round_trip(rig, toy_stream_model, *options)
        if correlation > 0.999 and abs(measured - reported) <= 10:
            break
    assert correlation > 0.999, (correlation, out)
    assert abs(measured - reported) <= 10, (measured, reported, out)
    assert re.search(r"\d+ underruns, \d+ overruns, \d+ deadline misses", out)


def test_rolling_segments_play_too(rig, toy_segment_model):
    for _ in range(2):
        reported, measured, correlation, out = live_round_trip(rig, toy_segment_model)
        if correlation > 0.999 and abs(measured - reported) <= 10:
            break
    assert correlation > 0.999 and abs(measured - reported) <= 10, (measured, reported, out)
    assert "segment engine" in out


def test_the_microphone_suspended_and_resumed(rig, toy_stream_model):
    """Callbacks stop without an error; audio must come back by itself."""
    process = start(rig, "--input", "virtmic", "--output", "virtspk", "--model", toy_stream_model)
    try:
        wait_for(process, "->")
        time.sleep(0.5)
        rig.pactl("suspend-source", "vmic", "1")
        rig.pactl("suspend-sink", "bus", "1")
        time.sleep(1.5)
        rig.pactl("suspend-sink", "bus", "0")
        rig.pactl("suspend-source", "vmic", "0")
        time.sleep(3)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert re.search(r"[1-9]\d* reconnects", out), out


def test_devices_are_listed(rig):
    result = subprocess.run(
        [sys.executable, "-m", "rtdenoise.cli", "devices"],
        env=rig.env,
        capture_output=True,
        text=True,
    )
    assert "virtmic" in result.stdout and "(default input" in result.stdout


@pytest.mark.parametrize(
    "arguments, word",
    [
        (("--input", "nowhere"), "no input device fits 'nowhere'"),
        (("--provider", "npu"), "cuda"),
        (("--hop-ms", "7"), "multiple of 10 ms"),
        (("--model", "absent"), "no model"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(rig, toy_stream_model, arguments, word):
    model = () if "--model" in arguments else ("--model", toy_stream_model)
    process = start(rig, *model, "--seconds", 1, *arguments)
    _, err = process.communicate(timeout=30)
    lines = [line for line in err.splitlines() if line.startswith("rtdenoise: ")]
    assert process.returncode == 2 and len(lines) == 1 and word in lines[0], err
    assert "Traceback" not in err


DEVICES = [
    Device(0, "Built-in Microphone", "Core Audio", 1, 0, 48_000, "input"),
    Device(1, "Built-in Output", "Core Audio", 0, 2, 48_000, "output"),
    Device(2, "USB Headset", "Core Audio", 1, 2, 48_000),
    Device(3, "USB Camera", "Core Audio", 1, 0, 16_000),
]


def test_devices_are_chosen_by_number_name_or_default():
    assert choose_device(DEVICES, None, "input").index == 0
    assert choose_device(DEVICES, "2", "output").index == 2
    assert choose_device(DEVICES, "headset", "input").index == 2
    for wanted, word in (("usb", "several"), ("radio", "no input"), ("1", "no input")):
        with pytest.raises(RtdenoiseError, match=word) as error:
            choose_device(DEVICES, wanted, "input")
        assert "2 'USB Headset'" in str(error.value)
    with pytest.raises(RtdenoiseError, match="no output device"):
        choose_device(DEVICES[:1], None, "output")


def test_a_built_in_loop_is_refused():
    with pytest.raises(RtdenoiseError, match="--allow-feedback"):
        refuse_feedback(DEVICES[0], DEVICES[1])
    refuse_feedback(DEVICES[0], DEVICES[2])


def test_ring_wraps_counts_and_discards():
    ring, out = Ring(10, 1), np.zeros((4, 1), np.float32)
    numbers = np.arange(100, dtype=np.float32)[:, None]
    got: list[float] = []
    for i in range(0, 100, 3):
        ring.write(numbers[i : i + 3])
        count = ring.read_into(out)
        got += out[:count, 0].tolist()
    assert got == numbers[:, 0].tolist() and ring.dropped == 0
    assert ring.write(numbers[:12]) == 10 and ring.dropped == 2
    assert ring.discard(7) == 7 and len(ring) == 3
    assert ring.read_into(out) == 3 and out[:3, 0].tolist() == [7, 8, 9]


def test_fill_target_grows_after_an_underrun_and_shrinks_when_calm(toy_stream_model, monkeypatch):
    session = LiveSession(LiveOptions(model=str(toy_stream_model)))
    first = session.target
    session.counters.underruns = 1
    assert session._adapt(0) == 1 and session.target == first + session.hop
    monkeypatch.setattr("rtdenoise.live.CALM", -1.0)
    session._adapt(1)
    assert session.target == first


def test_surplus_is_dropped_so_that_latency_never_grows(toy_stream_model):
    session = LiveSession(LiveOptions(model=str(toy_stream_model)))
    session._out.write(np.ones((20 * session.hop, 1), np.float32))
    session._adapt(0)
    block = np.zeros((480, 1), np.float32)
    session._callback(block, block.copy(), 480)
    assert len(session._out) <= session.target + session.hop + 2 * 480
