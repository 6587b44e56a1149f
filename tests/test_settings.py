"""Settings and arguments out of range or of a wrong type: each is refused in one clear sentence."""

from __future__ import annotations

import copy
import os
import sys

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.processing import Processor
from tests.command import noise

NAN, INF = float("nan"), float("inf")
FRAMES = 5000


WRONG_CALLS = [
    ((noise(10), 0), {}, ValueError, "sample rate"),
    ((noise(10), -48_000), {}, ValueError, "sample rate"),
    ((noise(10), NAN), {}, ValueError, "sample rate"),
    ((noise(10), INF), {}, ValueError, "sample rate"),
    ((noise(10), 10**400), {}, ValueError, "sample rate"),
    ((noise(10), 44_100.5), {}, ValueError, "whole number"),
    ((noise(10), "48000"), {}, TypeError, "sample rate"),
    ((noise(10), None), {}, TypeError, "sample rate"),
    ((noise(10), True), {}, TypeError, "sample rate"),
    ((noise(10), np.array([48_000])), {}, TypeError, "sample rate"),
    ((noise(10), 1 + 2j), {}, TypeError, "sample rate"),
    ((noise(10, 9), 48_000), {}, ValueError, "9 channels"),
    ((np.zeros((10, 0)), 48_000), {}, ValueError, "no channels"),
    ((np.zeros((2, 3, 4)), 48_000), {}, ValueError, "shape"),
    ((np.float32(0.5), 48_000), {}, ValueError, "shape"),
    ((np.zeros(10, np.int64), 48_000), {}, TypeError, "int64"),
    ((np.zeros(10, np.uint16), 48_000), {}, TypeError, "uint16"),
    ((np.zeros(10, bool), 48_000), {}, TypeError, "bool"),
    ((np.zeros(10, complex), 48_000), {}, TypeError, "complex"),
    ((np.ma.masked_array(noise(10), mask=noise(10) > 0), 48_000), {}, TypeError, "masked array"),
    ((bytearray(20), 48_000), {}, TypeError, "raw bytes"),
    ((bytes(20), 48_000), {}, TypeError, "raw bytes"),
    ((memoryview(bytes(20)), 48_000), {}, TypeError, "raw bytes"),
    ((np.array(["a", "b"]), 48_000), {}, TypeError, "type str"),
    (("noisy.wav", 48_000), {}, TypeError, "type str"),
    ((None, 48_000), {}, TypeError, "type object"),
    (([[1.0], [1.0, 2.0]], 48_000), {}, TypeError, "no array of numbers"),
    ((noise(10), 48_000, "yes"), {}, TypeError, "channels_first"),
    ((noise(10), 48_000), {"channels_first": None}, TypeError, "channels_first"),
]


@pytest.mark.parametrize(("arguments", "options", "kind", "word"), WRONG_CALLS)
def test_wrong_calls_are_one_clear_sentence(toy_denoiser, arguments, options, kind, word):
    with pytest.raises(RtdenoiseError) as error:
        toy_denoiser(*arguments, **options)
    text = str(error.value)
    assert isinstance(error.value, kind) and word in text, text
    assert "\n" not in text and len(text) < 250 and ("use" in text or "must" in text or ":" in text)


WRONG_SETTINGS = [
    ("mix", NAN, ValueError),
    ("mix", -0.1, ValueError),
    ("mix", 1.1, ValueError),
    ("mix", "1", TypeError),
    ("mix", None, TypeError),
    ("mix", True, TypeError),
    ("mix", np.zeros(3), TypeError),
    ("attenuation_limit_db", NAN, ValueError),
    ("attenuation_limit_db", INF, ValueError),
    ("attenuation_limit_db", -12, ValueError),
    ("attenuation_limit_db", "12", TypeError),
    ("gain_db", NAN, ValueError),
    ("gain_db", INF, ValueError),
    ("gain_db", -INF, ValueError),
    ("gain_db", 1000, ValueError),
    ("gain_db", None, TypeError),
    ("gain_db", [6], TypeError),
    ("opening", NAN, ValueError),
    ("opening", -1, ValueError),
    ("opening", 1e9, ValueError),
    ("opening", None, TypeError),
    ("workers", 0, ValueError),
    ("workers", -1, ValueError),
    ("workers", 1.5, ValueError),
    ("workers", 10**6, ValueError),
    ("workers", "2", TypeError),
    ("track", 0, ValueError),
    ("track", 1.0, ValueError),
    ("track", "first", ValueError),
    ("track", INF, ValueError),
]


@pytest.mark.parametrize(("name", "value", "kind"), WRONG_SETTINGS)
def test_settings_are_checked_on_construction_and_assignment(toy_denoiser, name, value, kind):
    before = getattr(toy_denoiser, name)
    with pytest.raises(RtdenoiseError) as made:
        Denoiser("no such model", **{name: value})  # refused before the model is looked for
    with pytest.raises(RtdenoiseError) as assigned:
        setattr(toy_denoiser, name, value)
    assert isinstance(made.value, kind) and isinstance(assigned.value, kind)
    assert str(made.value) == str(assigned.value) and "\n" not in str(made.value)
    assert getattr(toy_denoiser, name) == before
    if hasattr(Processor, name):
        with pytest.raises(kind):
            setattr(toy_denoiser.processor(), name, value)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"model": 5}, TypeError),
        ({"model": b"default"}, TypeError),
        ({"model": "no such model"}, ValueError),
        ({"model": ""}, ValueError),
        ({"model": "a\0b"}, ValueError),
        ({"model": "a" * 5000}, ValueError),
        ({"provider": "gpu"}, ValueError),
        ({"provider": None}, ValueError),
        ({"engine": "fast"}, ValueError),
        ({"engine": 1}, ValueError),
        ({"tf32": "yes"}, TypeError),
        ({"tf32": None}, TypeError),
    ],
)
def test_wrong_models_are_one_clear_sentence(options, kind):
    with pytest.raises(RtdenoiseError) as error:
        Denoiser(**options)
    assert isinstance(error.value, kind) and "\n" not in str(error.value)


def test_settings_of_numpy_types_are_numbers(toy_denoiser):
    other = copy.copy(toy_denoiser)
    other.mix, other.workers, other.gain_db = np.float32(0.5), np.int64(2), np.array(-6.0)
    assert (other.mix, other.workers, other.gain_db) == (0.5, 2, -6.0)
    assert type(other.workers) is int and type(other.mix) is float


@pytest.mark.parametrize(
    ("arguments", "options", "kind"),
    [
        ((5, "out.wav"), {}, TypeError),
        (("in.wav", None), {}, TypeError),
        ((b"in.wav", "out.wav"), {}, TypeError),
        (("in\0.wav", "out.wav"), {}, ValueError),
        (("", "out.wav"), {}, ValueError),
        (("in.wav", "out\0.wav"), {}, ValueError),
        (("in.wav", "out.wav", "yes"), {}, TypeError),
        (("in.wav", "out.wav"), {"progress": 3}, TypeError),
        (("in.wav", "out.wav"), {"time_range": 3}, TypeError),
        (("in.wav", "out.wav"), {"time_range": (1, 2, 3)}, TypeError),
        (("in.wav", "out.wav"), {"time_range": (NAN, None)}, ValueError),
        (("in.wav", "out.wav"), {"time_range": (0, INF)}, ValueError),
        (("in.wav", "out.wav"), {"time_range": (-1, None)}, ValueError),
        (("in.wav", "out.wav"), {"time_range": (2, 1)}, ValueError),
        (("in.wav", "out.wav"), {"time_range": (7, None)}, ValueError),
        (("in.wav", "out.wav"), {"time_range": ("1", None)}, TypeError),
        (("in.wav", "out.wav"), {"track": -1}, ValueError),
    ],
)
def test_wrong_arguments_for_files(toy_denoiser, tmp_path, monkeypatch, arguments, options, kind):
    monkeypatch.chdir(tmp_path)
    sf.write("in.wav", noise(FRAMES), 48_000)
    with pytest.raises(RtdenoiseError) as error:
        toy_denoiser.file(*arguments, **options)
    assert isinstance(error.value, kind) and "\n" not in str(error.value)
    assert os.listdir() == ["in.wav"]


def test_a_pair_of_seconds_is_a_time_range(toy_denoiser, tmp_path):
    sf.write(tmp_path / "in.wav", noise(48_000), 48_000)
    kept = toy_denoiser.file(tmp_path / "in.wav", tmp_path / "out.wav", time_range=(0.25, 0.5))
    assert kept == 0.25


def test_wrong_use_of_a_processor(toy_denoiser):
    processor = toy_denoiser.processor()
    for call in (lambda: processor.process(noise(10)), processor.flush, processor.reset):
        with pytest.raises(RtdenoiseError, match="prepare"):
            call()
    for wrong in ((0, 1, 64), (NAN, 1, 64), (48_000, 9, 64), (48_000, 1.5, 64), (48_000, 1, 0)):
        with pytest.raises(ValueError):
            processor.prepare(*wrong)
    with pytest.raises(TypeError, match="max_block"):
        processor.prepare(48_000, 1, None)
    processor.prepare(48_000.0, 2.0, 64)
    for block in (noise(10), noise(10)[:, 0], np.zeros((10, 3)), np.zeros((1, 10, 2))):
        with pytest.raises(ValueError, match=r"use \(frames, 2\)"):
            processor.process(block)
    with pytest.raises(TypeError, match="int64"):
        processor.process(np.zeros((10, 2), np.int64))
    with pytest.raises(TypeError, match="bypass"):
        processor.bypass = "on"


NUMBERS = [
    ("file", "--gain-db"),
    ("file", "--limit-db"),
    ("file", "--mix"),
    ("file", "--start"),
    ("file", "--end"),
    ("live", "--mix"),
    ("live", "--limit-db"),
    ("live", "--hop-ms"),
    ("live", "--safety-ms"),
    ("live", "--seconds"),
]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", "-1e9", "1e99"])
def test_every_number_of_every_command_is_finite_and_in_range(tmp_path, value, monkeypatch, capsys):
    """In one process, because each start takes a second."""
    from rtdenoise.cli import main

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    sf.write(tmp_path / "in.wav", noise(FRAMES), 48_000)
    for command, option in NUMBERS:
        files = [str(tmp_path / "in.wav"), str(tmp_path / "out.wav")] if command == "file" else []
        monkeypatch.setattr(sys, "argv", ["rtdenoise", command, *files, f"{option}={value}"])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr().err.strip().splitlines()
        assert stop.value.code == 2 and len(said) == 1, (command, option, said)
        assert said[0].startswith("rtdenoise: ")
        assert [p.name for p in tmp_path.iterdir()] == ["in.wav"]
