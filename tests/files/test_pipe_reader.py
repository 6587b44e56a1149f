"""stdin, FIFOs and process substitutions give what the file gives, and can be interrupted."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise.files import open_reader
from tests.command import RTDENOISE, noise, refused, run

ROOT = Path(__file__).parents[2]
FORMATS = ["WAV", "RF64", "W64", "AIFF", "CAF", "FLAC", "OGG", "MP3"]


def feed(path: Path, content: bytes) -> subprocess.Popen:
    """Make a FIFO at `path` and write `content` into it from another process."""
    os.mkfifo(path)
    Path(f"{path}.data").write_bytes(content)
    return subprocess.Popen(f"exec cat '{path}.data' > '{path}'", shell=True)


def read_all(path: Path) -> np.ndarray:
    with open_reader(path) as reader:
        return np.concatenate(list(reader.blocks(10_000)))


@pytest.mark.parametrize("form", FORMATS)
def test_a_fifo_gives_what_the_file_gives(tmp_path, form):
    sf.write(tmp_path / "in", noise(48_000, 2), 48_000, format=form)
    writer = feed(tmp_path / "fifo", (tmp_path / "in").read_bytes())
    np.testing.assert_array_equal(read_all(tmp_path / "fifo"), read_all(tmp_path / "in"))
    assert writer.wait() == 0


def wav(data_size: int, samples: np.ndarray, tail: bytes = b"") -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, 48_000, 96_000, 2, 16)
    junk = b"JUNK" + struct.pack("<I", 5000) + bytes(5000)
    body = b"WAVE" + junk + b"fmt " + struct.pack("<I", 16) + form
    body += b"data" + struct.pack("<I", data_size) + samples.tobytes() + tail
    return b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + body


@pytest.mark.parametrize("size", [20_000, 0, 0xFFFFFFFF, 0x7FFFF000, 40_000])
def test_a_stream_with_any_size_in_its_header(tmp_path, size):
    """0 is what a recorder writes at first; ffmpeg and sox write the largest sizes."""
    samples = (1000 * noise(10_000)[:, 0]).astype("<i2")
    tail = b"LIST" + struct.pack("<I", 400) + b"\x7f" * 400 if size == 20_000 else b""
    feed(tmp_path / "fifo", wav(size, samples, tail))
    np.testing.assert_array_equal(read_all(tmp_path / "fifo")[:, 0], samples / np.float32(32768))


def test_stopping_early_ends_the_pipe(tmp_path):
    writer = feed(tmp_path / "fifo", wav(0xFFFFFFFF, np.zeros(2_000_000, "<i2")))
    before = os.listdir("/proc/self/fd")
    with open_reader(tmp_path / "fifo") as reader:
        next(reader.blocks(1000))
    assert os.listdir("/proc/self/fd") == before
    assert writer.wait() != 0  # it got a broken pipe


@pytest.mark.parametrize("source", ["<(cat in.wav)", "/dev/stdin < in.wav", "- < in.wav"])
def test_process_substitution_and_redirection(tmp_path, toy_stream_model, source):
    sf.write(tmp_path / "in.wav", noise(30_000), 48_000)
    common = f"--model {toy_stream_model}"
    argument, _, rest = source.partition(" < ")
    for line in (
        f"{' '.join(RTDENOISE)} file in.wav expected.wav {common}",
        f"{' '.join(RTDENOISE)} file {argument} out.wav {common} {rest and '< ' + rest}",
    ):
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run(line, shell=True, executable="/bin/bash", check=True, cwd=tmp_path, env=env)
    assert (tmp_path / "out.wav").read_bytes() == (tmp_path / "expected.wav").read_bytes()


def test_an_empty_pipe_is_one_line(tmp_path):
    result = run("file", "-", "-", input="")
    refused(result, "- is empty: nothing came through the pipe")
    feed(tmp_path / "fifo", b"no audio at all" * 100)
    refused(run("file", tmp_path / "fifo", tmp_path / "out.wav"), f"{tmp_path}/fifo cannot be read")
    refused(run("file", "/dev/zero", tmp_path / "out.wav"), "is a device")
    result = run("file", "-", tmp_path / "out.wav", preexec_fn=lambda: os.close(0))
    refused(result, "stdin is closed")


def test_the_copy_of_a_pipe_is_removed(tmp_path):
    sf.write(tmp_path / "in", noise(48_000), 48_000, format="FLAC")
    (tmp_path / "tmp").mkdir()
    result = subprocess.run(
        [*RTDENOISE, "file", "-", tmp_path / "out.wav"],
        input=(tmp_path / "in").read_bytes(),
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        cwd=ROOT,
    )
    assert result.returncode == 0 and not os.listdir(tmp_path / "tmp")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("sent", [0, 100_000])
def test_a_signal_ends_the_wait_for_stdin(tmp_path, name, sent):
    command = [*RTDENOISE, "file", "-", tmp_path / "out.wav"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    if sent:
        process.stdin.write(wav(0xFFFFFFFF, np.zeros(sent, "<i2")))
        process.stdin.flush()
    deadline = time.monotonic() + 60
    while sent and not list(tmp_path.glob(".*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0 if sent else 3)
    process.send_signal(getattr(signal, name))
    if sent:  # communicate() would close stdin, which ends the wait as well
        process.wait(20)
    _, error = process.communicate(timeout=20)
    assert error.decode() == f"rtdenoise: stopped by {name}\n"
    assert process.wait(20) in (128 + signal.SIGTERM, -signal.SIGINT)
    assert not os.listdir(tmp_path)
