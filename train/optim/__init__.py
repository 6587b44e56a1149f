"""Optimizers, learning-rate schedules and the diffusion noise schedule.

This room imports `data` and `rtdenoise`; the training loop and `sources` import it.
"""

from __future__ import annotations

from .muon import make_optimizer
from .noise_schedule import ConditionedBatches, NoiseSchedule
from .schedule import hold_decay, one_cycle

__all__ = ["ConditionedBatches", "NoiseSchedule", "hold_decay", "make_optimizer", "one_cycle"]
