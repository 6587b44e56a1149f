"""Live audio from a microphone to a speaker: devices, ring buffers, clocks and screens.

This room imports `processing`, `inference`, `files`, `errors` and `constants`; `cli` and
`benchmarks` import it. It alone imports sounddevice, and only when a command needs it.
"""

from __future__ import annotations

from .bridge import Audio, Bridge
from .devices import lasting_name, list_devices, names_a_device
from .fractional_resampler import FractionalResampler
from .latency_probe import find, report
from .options import LiveOptions
from .run import run_live
from .settings import forget_settings, load_settings, save_settings
from .thread_priority import raise_priority

__all__ = [
    "Audio",
    "Bridge",
    "FractionalResampler",
    "LiveOptions",
    "find",
    "forget_settings",
    "lasting_name",
    "list_devices",
    "load_settings",
    "names_a_device",
    "raise_priority",
    "report",
    "run_live",
    "save_settings",
]
