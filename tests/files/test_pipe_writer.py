"""`-` as a file name: WAV on stdin and stdout."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser
from rtdenoise.files.pipe_writer import wav_header
from tests.command import RTDENOISE, noise, refused

COMMAND = [*RTDENOISE, "file"]
ENV = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
@pytest.mark.parametrize("declared", [True, False])
def test_a_pipe_gives_what_a_file_gives(tmp_path, toy_stream_model, subtype, declared):
    sf.write(tmp_path / "in.wav", noise(100_000, 2), 44_100, subtype=subtype)
    Denoiser(toy_stream_model).file(tmp_path / "in.wav", tmp_path / "out.wav")
    data = (tmp_path / "in.wav").read_bytes()
    if not declared:  # as ffmpeg writes it into a pipe
        raw = noise(100_000, 2)
        samples = raw if subtype == "FLOAT" else (sf.read(tmp_path / "in.wav", dtype="int16")[0])
        data = (
            wav_header(44_100, 2, subtype)
            + samples.astype("<f4" if subtype == "FLOAT" else "<i2").tobytes()
        )
    result = subprocess.run(
        [*COMMAND, "-", "-", "--model", str(toy_stream_model)], input=data, capture_output=True
    )
    assert result.returncode == 0, result.stderr
    assert b"denoised" in result.stderr and b"warning" not in result.stderr
    expected = sf.read(tmp_path / "out.wav", dtype="float32")[0]
    raw = np.frombuffer(result.stdout[44:], "<f4" if subtype == "FLOAT" else "<i2").reshape(-1, 2)
    got = raw if subtype == "FLOAT" else raw / np.float32(32768)
    np.testing.assert_array_equal(got, expected)
    head = io.BytesIO(result.stdout)
    assert head.read(4) == b"RIFF"


def test_one_line_if_the_reading_program_exits(tmp_path):
    sf.write(tmp_path / "in.wav", noise(3_000_000), 48_000)
    process = subprocess.Popen(
        [*COMMAND, str(tmp_path / "in.wav"), "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.read(10)
    process.stdout.close()
    lines = process.stderr.read().decode().strip().splitlines()
    assert process.wait() == 2
    assert len(lines) == 1 and "has exited" in lines[0], lines


@pytest.mark.parametrize("mode", ["wb", "ab"])
@pytest.mark.parametrize("before", [b"", b"three bytes and more"])
def test_stdout_may_be_a_regular_file(tmp_path, toy_stream_model, mode, before):
    """`> out.wav` and `>> out.wav`; what the file held before `>>` stays."""
    sf.write(tmp_path / "in.wav", noise(50_000, 2), 44_100, subtype="PCM_24")
    Denoiser(toy_stream_model).file(tmp_path / "in.wav", tmp_path / "out.wav")
    command = [*COMMAND, str(tmp_path / "in.wav"), "-", "--model", str(toy_stream_model)]
    redirected = tmp_path / "redirected.wav"
    with open(redirected, mode) as target:
        target.write(before)
        target.flush()
        subprocess.run(command, check=True, stdout=target)
    content = redirected.read_bytes()
    assert content.startswith(before)
    redirected.write_bytes(content[len(before) :])
    written, expected = sf.info(redirected), sf.info(tmp_path / "out.wav")
    assert (written.frames, written.subtype) == (expected.frames, expected.subtype)
    np.testing.assert_array_equal(sf.read(redirected)[0], sf.read(tmp_path / "out.wav")[0])
    size = len(content) - len(before)
    assert struct.unpack("<I", content[len(before) + 4 :][:4])[0] == size - 8  # the RIFF chunk's


def test_a_named_pipe_as_output(tmp_path, toy_stream_model):
    sf.write(tmp_path / "in.wav", noise(50_000), 48_000)
    line = f"{' '.join(COMMAND)} in.wav >(cat > piped.wav) --model {toy_stream_model}; wait $!"
    subprocess.run(line, shell=True, executable="/bin/bash", check=True, cwd=tmp_path, env=ENV)
    assert sf.info(tmp_path / "in.wav").frames == len(sf.read(tmp_path / "piped.wav")[0])


def test_a_full_disk_behind_stdout_is_one_line(tmp_path):
    sf.write(tmp_path / "in.wav", noise(50_000), 48_000)
    with open("/dev/full", "wb") as full:
        command = [*COMMAND, str(tmp_path / "in.wav"), "-"]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    refused(result, "stdout cannot be written (No space left on device)")


def test_a_closed_stdout_is_one_line(tmp_path):
    sf.write(tmp_path / "in.wav", noise(50_000), 48_000)
    result = subprocess.run(
        [*COMMAND, str(tmp_path / "in.wav"), "-"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.close(1),
    )
    refused(result, "stdout is closed")


def test_a_full_pipe_that_does_not_block_is_waited_for(tmp_path, toy_stream_model):
    sf.write(tmp_path / "in.wav", noise(200_000), 48_000)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    command = [*COMMAND, str(tmp_path / "in.wav"), "-", "--model", str(toy_stream_model)]
    process = subprocess.Popen(command, stdout=writing)
    os.close(writing)
    time.sleep(2)  # by now the pipe is full
    with open(reading, "rb") as pipe:
        assert len(pipe.read()) == 44 + 2 * 200_000
    assert process.wait() == 0
