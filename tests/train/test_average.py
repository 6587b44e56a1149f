"""Averages of checkpoints have the shares that are asked for, and other networks are refused."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.toy import TOY
from train.checkpoint import load_checkpoint, load_network, save_checkpoint
from train.networks import build


def average(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "train.average", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def checkpoints(toy_checkpoint, tmp_path) -> tuple[Path, Path]:
    """Two networks of one shape; the second has EMA weights, and others that must not count."""
    saved = load_checkpoint(toy_checkpoint)
    weights = saved["model_state_dict"]
    ema = {key: value + 1 for key, value in weights.items()}
    other = {key: torch.zeros_like(value) for key, value in weights.items()}
    save_checkpoint(tmp_path / "b.pth", saved | {"model_state_dict": other, "ema_state_dict": ema})
    return toy_checkpoint, tmp_path / "b.pth"


@pytest.mark.parametrize("half", [False, True])
def test_each_checkpoint_has_its_share(checkpoints, tmp_path, half):
    (a, b), target = checkpoints, tmp_path / "sum.pth"
    words = [target, a, b, "--share", 0.75, "--share", 0.25, *["--half"] * half]
    done = average(*words)
    assert done.returncode == 0, done.stderr
    stored = load_checkpoint(target)
    kinds = {value.dtype for value in stored["model_state_dict"].values()}
    assert kinds == {torch.float16 if half else torch.float32}
    assert stored["ema_state_dict"] is None and stored["config"] == load_checkpoint(a)["config"]
    before = load_network(a).state_dict()
    for key, value in load_network(target).state_dict().items():
        torch.testing.assert_close(value, before[key] + 0.25, atol=2e-3 if half else 1e-6, rtol=0)


def test_shares_are_equal_by_default_and_may_take_away(checkpoints, tmp_path):
    a, b = checkpoints
    before = load_network(a).state_dict()
    for shares, difference in (((), 0.5), (("--share", 2, "--share", -1), -1)):
        assert average(tmp_path / "sum.pth", a, b, *shares).returncode == 0
        for key, value in load_network(tmp_path / "sum.pth").state_dict().items():
            torch.testing.assert_close(value, before[key] + difference, atol=1e-6, rtol=0)


def test_bad_input_is_one_line_and_nothing_is_written(checkpoints, tmp_path):
    (a, b), target = checkpoints, tmp_path / "sum.pth"
    options = TOY | {"channels": 9}
    wide = {"config": {"network": "default", "network_options": options}}
    wide["model_state_dict"] = build("default", **options).state_dict()
    save_checkpoint(tmp_path / "wide.pth", load_checkpoint(a) | wide)
    large = {key: value + 1e6 for key, value in load_network(b).state_dict().items()}
    save_checkpoint(tmp_path / "large.pth", load_checkpoint(a) | {"model_state_dict": large})
    for words, message in (
        ((a, b, "--share", 0.5, "--share", 0.4), "the shares sum to 0.9: they must sum to 1"),
        ((a, b, "--share", 1), "1 for 2 checkpoints: give one for each"),
        ((a, "--share", "nan"), "the shares sum to nan"),
        ((a, tmp_path / "wide.pth"), "of another shape"),
        ((tmp_path / "none.pth",), "does not exist"),
        ((tmp_path / "large.pth", "--half"), "too large for half precision"),
    ):
        done = average(target, *words)
        assert done.returncode == 2 and message in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not target.exists()
