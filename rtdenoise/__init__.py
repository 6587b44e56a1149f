"""rtdenoise: speech denoising at 48 kHz, live, on files, and at volume.

from rtdenoise import Denoiser, denoise_audio
clean = Denoiser()(noisy, sample_rate)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import RtdenoiseError

if TYPE_CHECKING:
    from .denoiser import Denoiser, denoise_audio

__version__ = "0.1.0"
__all__ = ["Denoiser", "RtdenoiseError", "__version__", "denoise_audio"]


def __getattr__(name: str) -> Any:
    """Import the heavy parts when they are first asked for."""
    if name in ("Denoiser", "denoise_audio"):
        from . import denoiser

        return getattr(denoiser, name)
    raise AttributeError(f"module 'rtdenoise' has no attribute {name!r}")
