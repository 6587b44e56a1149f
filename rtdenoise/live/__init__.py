"""Live audio from a microphone to a speaker: devices, ring buffers, clocks and screens.

This room imports `processing`, `inference`, `files`, `errors` and `constants`; `cli` and
`benchmarks` import it. It alone imports sounddevice, and only when a command needs it.
"""

from __future__ import annotations

from .chirp import find_signal
from .devices import device_exists, import_sounddevice, list_devices, stable_name
from .duplex_buffer import DuplexBuffer
from .fractional_resampler import FractionalResampler
from .latency_probe import latency_report
from .options import NO_OUTPUT, LiveOptions
from .pulse_server import connect_to_pulse
from .run import run_live
from .settings import forget_settings, load_settings, save_settings, settings_path
from .thread_priority import raise_priority

__all__ = [
    "NO_OUTPUT",
    "DuplexBuffer",
    "FractionalResampler",
    "LiveOptions",
    "connect_to_pulse",
    "device_exists",
    "find_signal",
    "forget_settings",
    "import_sounddevice",
    "latency_report",
    "list_devices",
    "load_settings",
    "raise_priority",
    "run_live",
    "save_settings",
    "settings_path",
    "stable_name",
]
