"""Before and after: the report of `rtdenoise compare`, and speech metrics.

This room imports `files`, `errors` and `constants`; `cli`, `train` and `benchmarks` import it.
"""

from __future__ import annotations

from .metrics import si_sdr, speech_metrics
from .report import check_dependencies, write_comparison

__all__ = ["check_dependencies", "si_sdr", "speech_metrics", "write_comparison"]
