"""Long runs of live audio on virtual devices, and what they need.

The tests import the private sound server from here, and `speed` the stall monitor. Only these two
are exported. This room imports from `reporting` only.
"""

from .rig import RATE, LiveRig
from .stall_monitor import StallMonitor

__all__ = ["RATE", "LiveRig", "StallMonitor"]
