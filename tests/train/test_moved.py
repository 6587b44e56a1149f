"""The old names in train.moved still work. Remove this file with that folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own: modules must not be imported already."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("old", "new"), [("corpus", "packing"), ("download", "download"), ("shards", "shards")]
)
def test_an_old_command_runs_the_new_one(old: str, new: str) -> None:
    result = python("-m", f"train.{old}", "--help")
    assert result.returncode == 0 and "--help" in result.stdout
    line = f"train.{old} moved: use `python -m train.data.{new}`"
    assert result.stderr.splitlines() == [line]


def test_an_old_import_gives_the_new_module() -> None:
    code = (
        "import sys, train.corpus\n"
        "from train.corpus import Corpus\n"
        "from train.shards import join\n"
        "import train.data.corpus as new\n"
        "assert train.corpus is new and Corpus is new.Corpus and callable(join)\n"
        "assert sys.modules['train.corpus'] is new\n"
    )
    result = python("-c", code)
    assert result.returncode == 0, result.stderr
    assert len(result.stderr.splitlines()) == 2
    assert all("moved: import train.data." in line for line in result.stderr.splitlines())


def test_every_name_of_the_seed_is_there() -> None:
    code = "import train\nprint(*[getattr(train, name).__name__ for name in train.__all__])"
    names = python("-c", code).stdout.split()
    assert names == [
        "STFT",
        "STFTLoss",
        "AudioDataset",
        "AudioDiffusionModel",
        "sinusoidal_embedding",
        "train_diffusion_model",
        "denoise_audio",
    ]
