"""The live path: on a real sound server with virtual devices, and its parts alone."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from live_rig import RATE, LiveRig

from rtdenoise import Denoiser, RtdenoiseError, commands_live, live_screen, settings
from rtdenoise.audio_io import Bridge
from rtdenoise.devices import Device, choose_device, refuse_feedback
from rtdenoise.drift import DriftControl
from rtdenoise.fractional import FractionalResampler
from rtdenoise.live import LiveOptions, LiveSession
from rtdenoise.overload import Overload
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
    for _ in range(3):  # a sound server on a busy machine may lose a block: retry
        reported, measured, correlation, out = live_round_trip(rig, toy_stream_model, *options)
        if correlation > 0.999 and abs(measured - reported) <= 10:
            break
    assert correlation > 0.999, (correlation, out)
    assert abs(measured - reported) <= 10, (measured, reported, out)
    assert re.search(r"\d+ underruns, \d+ overruns, \d+ deadline misses", out)


def test_rolling_segments_play_too(rig, toy_segment_model):
    for _ in range(3):
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
    session.bridge.underruns = 1
    session._adapt()
    assert session.target == first + session.hop == session.bridge.reserve
    assert session.counters.underruns == 1
    monkeypatch.setattr("rtdenoise.live.CALM", -1.0)
    session._adapt()
    assert session.target == first


def test_surplus_is_dropped_so_that_latency_never_grows(toy_stream_model):
    session = LiveSession(LiveOptions(model=str(toy_stream_model)))
    session.bridge.to_play.write(np.ones((20 * session.hop, 1), np.float32))
    session._adapt()
    session.bridge.play(np.zeros((480, 1), np.float32))
    assert len(session.bridge.to_play) <= session.target + session.hop + 2 * 480


def test_playing_begins_with_a_reserve_and_an_underrun_fades():
    bridge, out = Bridge(lambda: None), np.zeros((480, 2), np.float32)
    bridge.to_play.write(np.ones((950, 1), np.float32))
    bridge.play(out)
    assert not out.any() and len(bridge.to_play) == 950  # waits for block and reserve
    bridge.to_play.write(np.ones((100, 1), np.float32))
    bridge.play(out)
    assert (out == 1).all() and bridge.underruns == 0  # both channels of a stereo speaker
    bridge.play(out)
    bridge.play(out)
    assert bridge.underruns == 1 and out[0, 0] > 0.5 and np.abs(np.diff(out[:, 0])).max() < 0.06


def drifting(ppm: float, minutes: float) -> tuple[list[float], list[np.ndarray], DriftControl]:
    """Simulate a speaker whose clock runs `ppm` slower; return levels, blocks and the control."""
    control, rng = DriftControl(), np.random.default_rng(0)
    level, levels, heard, phase = 960.0, [], [], 0.0
    for _ in range(int(minutes * 6000)):
        time_ = phase + np.arange(480)
        phase += 480
        block = np.sin(2 * np.pi * 1000 / 48_000 * time_)[:, None].astype("f")
        out = control.apply(block)
        heard.append(out)
        level += len(out) - 480 * (1 - ppm * 1e-6)
        levels.append(level)
        control.update(level + rng.uniform(-240, 240), 0.01)  # callbacks are never on time
    return levels, heard, control


@pytest.mark.parametrize("ppm", [200, -300])
def test_drift_is_measured_and_latency_does_not_grow(ppm):
    levels, heard, control = drifting(ppm, 4)
    end = np.mean(levels[-3000:])
    assert control.engaged and abs(control.ppm - ppm) < 40
    assert abs(end - 960) < 100  # 2 ms; without control it would be 2304 frames off
    wave = np.concatenate(heard)[100:, 0]
    assert np.abs(np.diff(wave, 2)).max() < 0.0172  # no seam where resampling sets in


def test_without_drift_the_samples_pass_untouched():
    _, heard, control = drifting(0, 1)
    expected = np.sin(2 * np.pi * 1000 / 48_000 * np.arange(len(heard) * 480)).astype("f")
    late = FractionalResampler.delay
    assert not control.engaged
    assert np.array_equal(np.concatenate(heard)[late:, 0], expected[:-late])


@pytest.mark.parametrize("frequency", [1000, 15_000])
def test_fractional_resampling_is_clean(frequency):
    resampler, ratio = FractionalResampler(), 1 + 400e-6
    resampler.ratio = ratio
    omega = 2 * np.pi * frequency / 48_000
    wave = np.sin(omega * np.arange(48_000)).astype("f")[:, None]
    out = np.concatenate([resampler.process(part) for part in np.split(wave, [1, 480, 700, 9000])])
    expected = np.sin(omega * (np.arange(len(out)) * ratio - resampler.delay))
    assert np.abs(out[100:, 0] - expected[100:]).max() < 1e-4


def test_overload_degrades_in_steps_and_recovers():
    control, seen = Overload(), [0]
    for computing in [0.015] * 400 + [0.002] * 3000:  # seconds for 10 ms of audio
        if control.note(0.0 if control.bypass else computing * control.hops, 0.01 * control.hops):
            seen.append(control.level)
    assert seen[:4] == [0, 1, 2, 3] and seen[-1] == 0 and max(seen) == 3
    assert [abs(a - b) for a, b in zip(seen, seen[1:], strict=False)] == [1] * (len(seen) - 1)


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
    expected = Denoiser(toy_stream_model)(audio, RATE)
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
    assert lag(expected[RATE : 2 * RATE], heard)[1] > 0.99
    assert "rtdenoise" not in rig.pactl("list", "short", "modules")


def test_what_a_crash_leaves_behind_is_removed_by_the_next_start(rig, toy_stream_model):
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


def test_the_last_devices_are_remembered_and_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "settings_path", lambda: tmp_path / "deep" / "live.json")
    monkeypatch.setattr("rtdenoise.devices.list_devices", lambda: DEVICES)
    given = {"input": "headset", "output": "Built-in Output", "mix": None, "limit_db": 12.0}
    assert commands_live._remembered(given, False) == {k: v for k, v in given.items() if v}
    again = commands_live._remembered(dict.fromkeys(given), False)
    assert again == {k: v for k, v in given.items() if v}
    monkeypatch.setattr("rtdenoise.devices.list_devices", lambda: DEVICES[:2])
    again = commands_live._remembered(dict.fromkeys(given), False)
    assert "input" not in again and again["output"] == "Built-in Output"  # unplugged
    settings.forget_settings()
    assert commands_live._remembered(dict.fromkeys(given), False) == {}


def test_keys_change_what_is_heard(toy_stream_model):
    session = LiveSession(LiveOptions(model=str(toy_stream_model)))
    for key in "bmmL":
        live_screen.act(session, key)
    processor = session.processor
    assert processor.bypass and processor.mix == 0.8 and processor.attenuation_limit_db is None
    for key, limit in (("l", 40), ("l", 30), ("L", 40), ("L", None)):
        live_screen.act(session, key)
        assert processor.attenuation_limit_db == limit
    live_screen.act(session, "q")
    assert session.stop.is_set()
    assert live_screen.meter(-120) == "·" * 30 and live_screen.meter(0) == "█" * 30
