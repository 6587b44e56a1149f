"""The plugin-style processor: any sample rate, block size and channel count around an engine.

Live audio and files share it. This room imports `inference` (the engine's interface), `checks`,
`errors` and `constants`; `denoiser` and `live` import it.
"""

from __future__ import annotations

from .processor import Processor
from .resampler import Resampler
from .samples import MAX_MAGNITUDE, as_frames, as_samples, from_float, mend, to_float
from .settings import ATTENUATION_LIMIT, GAIN, MIX, RATE

__all__ = [
    "ATTENUATION_LIMIT",
    "GAIN",
    "MAX_MAGNITUDE",
    "MIX",
    "RATE",
    "Processor",
    "Resampler",
    "as_frames",
    "as_samples",
    "from_float",
    "mend",
    "to_float",
]
