"""Small real models for all tests: a tiny untrained default network, exported in both forms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from live_rig import LiveRig

from train.networks.default import SpectralDenoiser

TOY = {
    "channels": 6,
    "dilations": [1, 2, 4],
    "embedding": 8,
    "full_band": 8,
    "full_band_dilations": [1, 4],
    "leave": 1,
    "join": 2,
    "history": 3,
    "taps": 4,
    "detail": 8,
}


def toy_network() -> SpectralDenoiser:
    torch.manual_seed(1)
    network = SpectralDenoiser(**TOY)
    with torch.no_grad():  # biases, so that silence is not zero inside the network
        for name, value in network.named_parameters():
            if "bias" in name or "position" in name or "widen" in name:
                value += 0.3 * torch.randn_like(value)
    return network.eval()


@pytest.fixture(scope="session")
def toy_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("toy") / "toy.pth"
    torch.save(
        {
            "model_state_dict": toy_network().state_dict(),
            "optimizer_state_dict": {},
            "scheduler_state_dict": {},
            "epoch": 0,
            "loss": 0.0,
            "ema_state_dict": None,
            "config": {"network": "default", "network_options": TOY},
        },
        path,
    )
    return path


@pytest.fixture(scope="session")
def toy_stream_model(toy_checkpoint: Path) -> Path:
    from export.onnx_export import export_checkpoint

    return export_checkpoint(toy_checkpoint, toy_checkpoint.with_name("toy-stream.onnx"), "stream")


@pytest.fixture(scope="session")
def toy_rolling_model(toy_checkpoint: Path) -> Path:
    from export.onnx_export import export_checkpoint

    target = toy_checkpoint.with_name("toy-rolling.onnx")
    return export_checkpoint(toy_checkpoint, target, "rolling")


@pytest.fixture(scope="session")
def toy_segment_model(toy_checkpoint: Path) -> Path:
    from export.onnx_export import export_checkpoint

    target = toy_checkpoint.with_name("toy-segment.onnx")
    return export_checkpoint(toy_checkpoint, target, "segment", dynamic=True)


@pytest.fixture(scope="module")
def rig() -> Iterator[LiveRig]:
    with LiveRig() as started:
        started.env["PYTHONPATH"] = str(Path(__file__).parents[1])
        yield started
