"""ROOM rtdenoise.compare"""

from __future__ import annotations

from .metrics import si_sdr, speech_metrics
from .report import compare, import_extras

__all__ = ["compare", "import_extras", "si_sdr", "speech_metrics"]
