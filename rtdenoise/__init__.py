"""rtdenoise: speech denoising at 48 kHz, for live audio, files and large archives.

>>> from rtdenoise import Denoiser, denoise_audio
>>> clean = Denoiser()(noisy, sample_rate)

The names in `__all__` are the public interface. The modules below are internal: each floor imports
only lower ones (cli | batch, doctor, integrations | live, denoiser | recording, stream | compare,
processing | files, inference | checks, command | constants, errors, telemetry), and each room only
what other rooms export.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .constants import VERSION as __version__
from .errors import RtdenoiseError
from .telemetry import disable_telemetry

disable_telemetry()  # before onnxruntime or Ray is imported

if TYPE_CHECKING:
    from .denoiser import Denoiser, denoise_audio
    from .inference import StreamPool
    from .stream import DenoiseStream

__all__ = [
    "DenoiseStream",
    "Denoiser",
    "RtdenoiseError",
    "StreamPool",
    "__version__",
    "denoise_audio",
]
_ROOMS = {
    "DenoiseStream": "stream",
    "Denoiser": "denoiser",
    "StreamPool": "inference",
    "denoise_audio": "denoiser",
}


def __getattr__(name: str) -> Any:
    """Import numpy, onnxruntime and the rest only when a name needs them."""
    if name in _ROOMS:
        return getattr(importlib.import_module(f".{_ROOMS[name]}", __name__), name)
    raise AttributeError(f"module 'rtdenoise' has no attribute {name!r}")
