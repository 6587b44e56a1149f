"""`rtdenoise live` on a real sound server with virtual devices."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile as sf

from benchmarks.live.rig import RATE
from rtdenoise import Denoiser
from tests.live.helpers import (
    settled_round_trip,
    share_heard,
    speech,
    start,
    wait_for,
)

# Any of these fails if the host takes the processors away for longer than a hop.
pytestmark = pytest.mark.flaky(reruns=2)


@pytest.mark.parametrize(
    "options", [(), ("--hop-ms", "20"), ("--hop-ms", "20", "--safety-ms", "100")]
)
def test_the_speaker_plays_the_denoised_microphone(rig, toy_stream_model, options):
    reported, measured, correlation, out = settled_round_trip(rig, toy_stream_model, *options)
    assert correlation > 0.999, (correlation, out)
    assert abs(measured - reported) <= 10, (measured, reported, out)
    assert re.search(r"\d+ underruns, \d+ overruns, \d+ deadline misses", out)


def test_rolling_segments_play_too(rig, toy_segment_model):
    reported, measured, correlation, out = settled_round_trip(rig, toy_segment_model)
    assert correlation > 0.999 and abs(measured - reported) <= 10, (measured, reported, out)
    assert "segment engine" in out


def test_the_microphone_suspended_and_resumed(rig, toy_stream_model):
    """Callbacks stop without an error; the audio must come back by itself."""
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
        (("--input", "nowhere"), "no input device matches 'nowhere'"),
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


def test_a_failed_start_leaves_no_recording(rig, toy_stream_model, tmp_path):
    process = start(rig, "--input", "nowhere", "--record", tmp_path, "--model", toy_stream_model)
    process.communicate(timeout=30)
    assert process.returncode == 2 and not list(tmp_path.iterdir())


def test_a_file_runs_through_the_live_path_and_is_recorded(rig, toy_stream_model, tmp_path):
    audio = speech(2.0)
    sf.write(tmp_path / "in.wav", audio, RATE, subtype="FLOAT")
    process = start(
        rig,
        "--input",
        tmp_path / "in.wav",
        "--output",
        "none",
        "--json",
        "--record",
        tmp_path / "takes",
        "--model",
        toy_stream_model,
    )
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert lines and lines[-1]["provider"] == "cpu"
    assert 10 <= sum(lines[-1]["latency_ms"].values()) <= 150
    noisy, denoised = sorted((tmp_path / "takes").glob("*.wav"), reverse=True)
    heard, _ = sf.read(noisy, dtype="float32")
    assert np.abs(heard[: len(audio)] - audio).max() < 1e-6  # 24 bits
    expected = Denoiser(toy_stream_model, opening=0)(audio, RATE)
    got, _ = sf.read(denoised, dtype="float32")
    assert np.abs(got[480 : len(audio)] - expected[:-480]).max() < 1e-4


def test_another_program_records_the_virtual_microphone(rig, toy_stream_model, tmp_path):
    audio = speech(4.0)
    sf.write(tmp_path / "in.wav", audio, RATE, subtype="FLOAT")
    process = start(
        rig,
        "--input",
        tmp_path / "in.wav",
        "--virtual-mic",
        "Clean Voice",
        "--model",
        toy_stream_model,
    )
    try:
        wait_for(process, "->")
        recorder = subprocess.run(
            [
                "timeout",
                "3.5",
                "parec",
                "--device=rtdenoise_Clean_Voice_mic",
                "--raw",
                "--format=float32le",
                "--rate=48000",
                "--channels=1",
            ],
            env=rig.env,
            capture_output=True,
        )
        assert "Clean Voice" in rig.pactl("list", "sources")
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, err
    heard = np.frombuffer(recorder.stdout, np.float32)
    expected = Denoiser(toy_stream_model)(audio, RATE)
    assert share_heard(expected[RATE : 2 * RATE], heard) > 0.5
    assert share_heard(audio[RATE : 2 * RATE], heard) < 0.1  # denoised, not passed through
    assert "rtdenoise" not in rig.pactl("list", "short", "modules")


def test_the_next_start_removes_the_microphone_of_a_crashed_process(rig, toy_stream_model):
    options = ("--input", "virtmic", "--virtual-mic", "Mic", "--model", toy_stream_model)
    process = start(rig, *options)
    wait_for(process, "->")
    process.kill()
    process.wait()
    assert "rtdenoise_Mic" in rig.pactl("list", "short", "modules")
    process = start(rig, *options, "--seconds", "0.5")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "rtdenoise" not in rig.pactl("list", "short", "modules")


def test_latency_is_measured_by_a_chirp(rig, toy_stream_model):
    command = [sys.executable, "-m", "rtdenoise.cli", "latency", "--model", toy_stream_model]
    for output, code in (("virtfeed", 0), ("virtspk", 2)):  # the microphone hears only `feed`
        result = subprocess.run(
            [*map(str, command), "--input", "virtmic", "--output", output],
            env=rig.env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == code, result.stderr
        if code:
            assert "does not hear" in result.stderr and len(result.stderr.splitlines()) == 1
            continue
        computed, measured = map(
            float, re.findall(r"to speaker +([\d.]+) +([\d.]+)", result.stdout)[0]
        )
        assert abs(computed - measured) <= 10, result.stdout
