"""The package as a whole: version, `python -m rtdenoise`, types for other people's programs."""

import subprocess
import sys
from pathlib import Path

import pytest

import rtdenoise

ROOT = Path(__file__).parents[1]
PROGRAM = """
from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from rtdenoise import Denoiser, DenoiseStream, RtdenoiseError, __version__, denoise_audio


def clean(chunks: Iterator[bytes], audio: NDArray[np.int16]) -> bytes:
    denoiser = Denoiser(mix=0.9)
    assert_type(denoiser.mix, float)
    denoiser.mix = 1
    assert_type(denoiser(audio, 16_000), NDArray[Any])
    with denoiser.stream(16_000, channels=1, dtype="int16") as stream:
        assert_type(stream, DenoiseStream)
        assert_type(stream.write(audio), NDArray[np.int16])
        assert_type(stream.write(b""), bytes)
        assert_type(stream.iterate([audio]), Iterator[NDArray[np.int16]])
        assert_type(stream.latency, int)
        assert_type(stream.latency_seconds, float)
        return b"".join(stream.iterate(chunks))


async def serve(stream: DenoiseStream, chunks: AsyncIterator[bytes]) -> None:
    assert_type(await stream.write_async(b""), bytes)
    async for out in stream.iterate(chunks):
        assert_type(out, bytes)


assert_type(__version__, str)
try:
    denoise_audio("model.onnx", "noisy.wav", "clean.wav")
except RtdenoiseError as error:
    print(error)
"""
WRONG = """
from rtdenoise import Denoiser

text: str = Denoiser().stream(16_000).write(b"")
Denoiser().stream(16_000, dtype="int24")
"""


def check(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Check a program as one of another project that has installed rtdenoise."""
    (folder / "program.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "program.py"]
    command += ["--python-version=3.11", "--follow-imports=silent"]
    return subprocess.run(
        [*command, f"--cache-dir={folder}/cache"],
        cwd=folder,
        env={"MYPYPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
    )


def test_a_strict_program_of_a_user_passes(tmp_path):
    found = check(PROGRAM, tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr
    found = check(WRONG, tmp_path)
    assert "[assignment]" in found.stdout and "[arg-type]" in found.stdout


def test_type_information_is_in_the_package():
    assert '"rtdenoise" = ["py.typed"]' in (ROOT / "pyproject.toml").read_text()
    assert (Path(rtdenoise.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("module", ["rtdenoise", "rtdenoise.cli"])
def test_version(module):
    command = [sys.executable, "-m", module, "--version"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, f"rtdenoise {rtdenoise.__version__}\n")


def test_the_wheel_gets_the_same_version():
    text = (ROOT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in text
    assert 'version = { attr = "rtdenoise.constants.VERSION" }' in text
    assert rtdenoise.constants.VERSION == rtdenoise.__version__


def test_public_names_exist():
    assert all(getattr(rtdenoise, name) for name in rtdenoise.__all__)
