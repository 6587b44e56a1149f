"""Two processes of torchrun train as one process does on the same global batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from train.checkpoint import load_checkpoint, load_network

COMMON = ["--preset", "default", "--clean", "clean", "--noise", "noise", "--batch", "4"]
COMMON += ["--segment", "9600", "--epochs", "2", "--steps-per-epoch", "3", "--threads", "1"]
COMMON += ["--validation-batches", "1", "--no-metrics", "--no-tensorboard"]
COMMON += ["--network-options", '{"channels": 6, "dilations": [1, 2], "leave": 1, "join": 1}']


@pytest.fixture
def corpus(tmp_path) -> Path:
    generator = np.random.default_rng(0)
    for kind in ("clean", "noise"):
        (tmp_path / kind).mkdir()
        for i in range(8):
            level = 0.2 * np.abs(np.sin(np.arange(96_000) / (4000 + 300 * i)))
            sound = generator.standard_normal(96_000) * (level if kind == "clean" else 0.1)
            sf.write(tmp_path / kind / f"{i}.wav", sound, 48_000)
    return tmp_path


def train(folder: Path, launcher: list[str], out: str, *more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *launcher, "-m", "train", *COMMON, "--checkpoints", out, *more],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=300,
    )


TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def test_two_processes_equal_one(corpus, tmp_path):
    alone = train(corpus, [], "one", "--parts", "2")
    both = train(corpus, TWO, "two")
    assert alone.returncode == both.returncode == 0, both.stderr
    assert both.stdout.count("best checkpoint") == 1  # the second process says nothing
    one, more = (tmp_path / name / "last.pth" for name in ("one", "two"))
    histories = [json.loads(load_checkpoint(path)["history"]) for path in (one, more)]
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-4)
    for a, b in zip(*(load_network(path).parameters() for path in (one, more)), strict=True):
        np.testing.assert_allclose(a.detach(), b.detach(), atol=1e-5)
    different = train(corpus, [], "other", "--parts", "1")  # another batch: this test can fail
    assert different.returncode == 0
    history = json.loads(load_checkpoint(tmp_path / "other" / "last.pth")["history"])
    assert not np.allclose(history, histories[0], rtol=1e-4)


def test_resumed_in_two_processes(corpus, tmp_path):
    for out, launcher, more in (("whole", [], ["--parts", "2"]), ("split", TWO, [])):
        assert train(corpus, launcher, out, *more).returncode == 0
    again = ["--resume", "split/last.pth", "--epochs", "3"]
    assert train(corpus, TWO, "split", *again).returncode == 0
    again = ["--resume", "whole/last.pth", "--epochs", "3", "--parts", "2"]
    assert train(corpus, [], "whole", *again).returncode == 0
    histories = [
        json.loads(load_checkpoint(tmp_path / name / "last.pth")["history"])
        for name in ("whole", "split")
    ]
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-4)


def test_a_batch_that_cannot_be_shared_is_one_line(corpus):
    result = train(corpus, [], "out", "--parts", "3")
    assert result.returncode == 2
    assert result.stderr.startswith("train: a batch of 4 in 3 parts") and "\n" not in (
        result.stderr.strip()
    )
