"""Small real models for all tests: a tiny untrained default network, exported in each form.

Without PyTorch, as on the other Pythons of .github/workflows/ci.yml, the bundled models stand in.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.live.rig import LiveRig
from rtdenoise import Denoiser

ROOT = Path(__file__).parents[1]
HAS_TORCH = importlib.util.find_spec("torch") is not None
# With pytest-xdist, tests that use one of these run one after the other: they need a steady clock,
# or share an environment that takes long to install.
TOGETHER = {"rig": "sound server", "bare_python": "bare environment"}


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known where pytest-xdist is not installed."""
    config.addinivalue_line("markers", "xdist_group(name): tests for one worker")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group tests for `-n 2 --dist loadgroup` (.ci/run): those of a file stay together, too."""
    for item in items:
        shared = [TOGETHER[name] for name in TOGETHER if name in getattr(item, "fixturenames", ())]
        item.add_marker(pytest.mark.xdist_group(shared[0] if shared else str(item.path)))


@pytest.fixture(scope="session", autouse=True)
def default_signals() -> None:
    """Undo what `nohup` and the `&` of a shell do: started programs would ignore signals."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment of its own, for tests that install the package.

    They share it, so that its requirements are installed once; each installs its own copy of
    rtdenoise.
    """
    folder = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def toy_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    from tests.toy import TOY, toy_network

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


def toy_model(form: str, request: pytest.FixtureRequest, **options: bool) -> Path:
    """Return the exported toy; without PyTorch a copy of the bundled model of this form."""
    if not HAS_TORCH:
        folder = request.getfixturevalue("tmp_path_factory").mktemp("bundled")
        return Path(shutil.copy(ROOT / f"rtdenoise/models/default-{form}.onnx", folder))
    from export.onnx_export import export_checkpoint

    checkpoint = request.getfixturevalue("toy_checkpoint")
    return export_checkpoint(checkpoint, checkpoint.with_name(f"toy-{form}.onnx"), form, **options)


@pytest.fixture(scope="session")
def toy_stream_model(request: pytest.FixtureRequest) -> Path:
    return toy_model("stream", request)


@pytest.fixture(scope="session")
def toy_rolling_model(request: pytest.FixtureRequest) -> Path:
    return toy_model("rolling", request)


@pytest.fixture(scope="session")
def toy_segment_model(request: pytest.FixtureRequest) -> Path:
    return toy_model("segment", request, dynamic=True)


@pytest.fixture(scope="module")
def toy_denoiser(toy_stream_model: Path) -> Denoiser:
    return Denoiser(toy_stream_model)


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    """The bundled model without the mirrored opening, which streams do not hear either."""
    return Denoiser(opening=0)


@pytest.fixture(scope="module")
def rig() -> Iterator[LiveRig]:
    if not shutil.which("pulseaudio"):
        assert not os.environ.get("CI"), "CI must install pulseaudio: see .ci/run"
        pytest.skip("pulseaudio is not installed")
    with LiveRig() as started:
        started.env["PYTHONPATH"] = str(ROOT)
        yield started
