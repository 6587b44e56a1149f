"""The denoisers that are compared, each loaded once in every process."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

from rtdenoise import Denoiser
from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import find_model
from train.checkpoint import load_network
from train.networks import one_pass

from ...peers import DeepFilter2, deepfilternet
from .levels import Audio

Denoise = Callable[[Audio], Audio]
NOISY, DFN3, DFN2 = "noisy", "DeepFilterNet 3", "DeepFilterNet 2"


@dataclasses.dataclass(frozen=True)
class System:
    """A denoiser by name; `file` holds its weights, `fingerprint` is their hash."""

    name: str
    file: str = ""
    fingerprint: str = ""


def peers(deepfilternet2: Path | None = None) -> list[System]:
    """Return DeepFilterNet 3, and 2 if its archive is given.

    Raises RtdenoiseError if DeepFilterNet 3 is not installed, or the archive is not what it says.
    """
    try:
        archive = deepfilternet.model_archive()
    except ImportError as error:
        raise RtdenoiseError(
            "heldout compares with DeepFilterNet 3, which is not installed: "
            "pip install '.[benchmark]'"
        ) from error
    found = [System(DFN3, str(archive), _hash(archive.read_bytes()))]
    if deepfilternet2:
        DeepFilter2(deepfilternet2)
        weights = _hash(deepfilternet2.read_bytes())
        found.append(System(DFN2, str(deepfilternet2), weights))
    return found


def our_systems(models: list[str], folder: Path) -> list[System]:
    """Return a system for each checkpoint (.pth), ONNX file or bundled model.

    Weights are copied to `folder` first: training may overwrite its checkpoint any time.
    Raises RtdenoiseError if there is no such model.
    """
    systems: list[System] = []
    for number, model in enumerate(models):
        path = Path(model)
        if path.suffix == ".pth":
            name = "/".join(path.with_suffix("").parts[-2:])
            if not path.is_file():
                raise RtdenoiseError(f"{path} does not exist: give a checkpoint or a model")
        else:
            name, path = model, find_model(model, provider="cpu", prefer="stream")
        weights = path.read_bytes()
        copy = folder / f"{number}{path.suffix}"
        copy.write_bytes(weights)
        systems.append(System(name, str(copy), _hash(weights)))
    if len({system.name for system in systems}) < len(systems):
        raise RtdenoiseError("two models have the same name: give each one once")
    return systems


@functools.lru_cache(maxsize=4)
def load(system: System) -> Denoise:
    """Return the function that denoises a clip [samples] at 48 kHz.

    Each clip starts with digital silence before it, as live audio does: nothing is known yet.
    """
    if system.name == NOISY:
        return lambda audio: audio
    if system.name == DFN3:
        return deepfilternet.denoise_aligned
    if system.name == DFN2:
        return DeepFilter2(Path(system.file)).denoise
    if system.file.endswith(".pth"):
        return functools.partial(one_pass, load_network(Path(system.file)))
    denoiser = Denoiser(system.file, provider="cpu", workers=1, opening=0)
    return functools.partial(denoiser, sample_rate=SAMPLE_RATE)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
