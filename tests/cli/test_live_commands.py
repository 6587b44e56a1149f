"""`rtdenoise live`: options that are remembered for the next time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import RtdenoiseError
from rtdenoise.cli import live_commands
from rtdenoise.live import LiveOptions, settings
from rtdenoise.live.devices import Device

DEVICES = [
    Device(0, "Built-in Microphone", "Core Audio", 1, 0, 48_000, "input"),
    Device(1, "Built-in Output", "Core Audio", 0, 2, 48_000, "output"),
    Device(2, "USB Headset", "Core Audio", 1, 2, 48_000),
    Device(3, "USB Camera", "Core Audio", 1, 0, 16_000),
]


def test_the_last_devices_are_remembered_and_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "settings_path", lambda: tmp_path / "deep" / "live.json")
    monkeypatch.setattr("rtdenoise.live.list_devices", lambda: DEVICES)
    given = {"input": "headset", "output": "Built-in Output", "limit_db": 12.0}
    assert live_commands._with_remembered(given, False) == given
    assert live_commands._with_remembered({}, False) == {}  # not before the devices are open
    live_commands._remember(given)
    assert live_commands._with_remembered({}, False) == given
    monkeypatch.setattr("rtdenoise.live.list_devices", lambda: DEVICES[:2])
    again = live_commands._with_remembered({}, False)
    assert "input" not in again and again["output"] == "Built-in Output"  # unplugged
    settings.forget_settings()
    assert live_commands._with_remembered({}, False) == {}


def test_a_mix_out_of_range_is_refused_and_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "settings_path", lambda: tmp_path / "live.json")
    with pytest.raises(RtdenoiseError, match=r"a mix of 3 .* use 0 to 1"):
        live_commands.live(mix=3.0)
    assert settings.load_settings() == {}


def test_only_the_live_commands_load_audio_devices(tmp_path, toy_segment_model):
    """The start of `rtdenoise file` must not wait for PortAudio."""
    sf.write(tmp_path / "in.wav", np.zeros(4800), 48_000)
    arguments = ["rtdenoise", "file", "in.wav", "out.wav", "--model", str(toy_segment_model)]
    code = (
        f"import sys; sys.argv = {arguments!r}\n"
        "from rtdenoise.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert not {'rtdenoise.live', 'sounddevice'} & set(sys.modules)\n"
        "import rtdenoise.live; assert 'sounddevice' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out.wav").is_file()


@pytest.mark.parametrize(
    "line", ['"mix": NaN', '"mix": 7', '"mix": "loud"', '"limit_db": -Infinity', '"input": 5']
)
def test_remembered_values_that_are_not_allowed_are_left_out(tmp_path, monkeypatch, line):
    monkeypatch.setattr(settings, "settings_path", lambda: tmp_path / "live.json")
    (tmp_path / "live.json").write_text(f'{{"output": "speaker", {line}}}')
    assert settings.load_settings() == {"output": "speaker"}


def test_a_file_without_an_output_needs_no_portaudio(tmp_path, monkeypatch, toy_stream_model):
    sf.write(tmp_path / "in.wav", np.zeros(24_000), 48_000)
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    environment = {**os.environ, "PYTHONPATH": path, "XDG_CONFIG_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "rtdenoise", "live", "--input", "in.wav", "--output", "none"]
    for _ in range(2):  # the second time, the output is remembered
        result = subprocess.run(
            [*command, "--model", str(toy_stream_model), "--seconds", "0.2"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        command = command[:-2]


def test_a_wrong_number_names_its_option():
    for options, name in (
        ({"hop_ms": 500.0}, "--hop-ms"),
        ({"safety_ms": -1.0}, "--safety-ms"),
        ({"seconds": 0.0}, "--seconds"),
    ):
        with pytest.raises(RtdenoiseError, match=name):
            LiveOptions(**options)
