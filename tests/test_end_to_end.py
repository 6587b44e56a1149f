"""End to end through the commands: train a toy, export it, run it on a file and live."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from benchmarks.live.rig import RATE
from rtdenoise import Denoiser
from tests.live.helpers import ROOT, settled_round_trip, speech
from tests.toy import TOY


def python(*arguments: object) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def train_toy(folder: Path) -> Path:
    """Train a few steps on synthetic voices and noises; return the last checkpoint."""
    for kind, level in (("clean", 1.0), ("noise", 0.3)):
        (folder / kind).mkdir()
        for i in range(3):
            sf.write(folder / kind / f"{i}.wav", level * speech(3.0), RATE)
    options = {"--epochs": 1, "--steps-per-epoch": 4, "--batch": 2, "--segment": 48_000}
    options |= {"--network-options": json.dumps(TOY), "--validation-batches": 1, "--threads": 1}
    options |= {"--clean": folder / "clean", "--noise": folder / "noise"}
    options |= {"--checkpoints": folder / "checkpoints"}
    listed = [part for option in options.items() for part in option]
    python("train", "--preset", "default", "--no-tensorboard", "--no-metrics", *listed)
    return folder / "checkpoints" / "last.pth"


@pytest.mark.flaky(reruns=2)  # see test_live_audio.py
def test_train_export_file_live(tmp_path, rig):
    checkpoint = train_toy(tmp_path)
    python("export", checkpoint, tmp_path / "trained", "--name", "trained")
    model = tmp_path / "trained-stream.onnx"
    noisy = speech(2.5)
    sf.write(tmp_path / "noisy.wav", noisy, RATE, subtype="FLOAT")
    python("rtdenoise.cli", "file", tmp_path / "noisy.wav", tmp_path / "out.wav", "--model", model)
    written, _ = sf.read(tmp_path / "out.wav", dtype="float32")
    expected = Denoiser(tmp_path / "trained-segment.onnx")(noisy, RATE)
    assert np.abs(written - expected).max() < 1e-4 and np.abs(written - noisy).max() > 1e-3
    reported, measured, correlation, out = settled_round_trip(rig, model)
    assert correlation > 0.999 and abs(measured - reported) <= 10, (measured, reported, out)
