"""`-` as a file name: WAV on stdin and stdout."""

from __future__ import annotations

import io
import subprocess

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser
from rtdenoise.files.pipe_writer import wav_header
from tests.command import RTDENOISE, noise

COMMAND = [*RTDENOISE, "file"]


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


def test_stdout_may_be_a_regular_file(tmp_path, toy_stream_model):
    sf.write(tmp_path / "in.wav", noise(50_000, 2), 44_100, subtype="PCM_24")
    Denoiser(toy_stream_model).file(tmp_path / "in.wav", tmp_path / "out.wav")
    command = [*COMMAND, str(tmp_path / "in.wav"), "-", "--model", str(toy_stream_model)]
    with open(tmp_path / "redirected.wav", "wb") as target:
        subprocess.run(command, check=True, stdout=target)
    written, expected = sf.info(tmp_path / "redirected.wav"), sf.info(tmp_path / "out.wav")
    assert (written.frames, written.subtype) == (expected.frames, expected.subtype)
    np.testing.assert_array_equal(
        sf.read(tmp_path / "redirected.wav")[0], sf.read(tmp_path / "out.wav")[0]
    )
