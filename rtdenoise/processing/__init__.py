"""The plugin-style processor: any sample rate, block size and channel count around an engine.

Live audio and files share it. This room imports `inference` (the engine's interface), `errors` and
`constants`; `denoiser` and `live` import it.
"""

from __future__ import annotations

from .processor import Processor, check_mix
from .resampler import Resampler

__all__ = ["Processor", "Resampler", "check_mix"]
