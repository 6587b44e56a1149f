"""Connections to a PulseAudio or PipeWire server (Linux), and cleaning up after a crash there.

The modules that rtdenoise loads carry its process number. The next start finds the modules of a
process that no longer runs, and removes them.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any

from ..errors import RtdenoiseError

PROCESS_PROPERTY = "rtdenoise.pid"  # property of our sink and source


def connect_to_pulse() -> Any:
    """Return a pulsectl connection. Raises RtdenoiseError where none can be made."""
    try:
        import pulsectl
    except ImportError as error:
        raise RtdenoiseError("--virtual-mic needs pulsectl: pip install pulsectl") from error
    except OSError as error:
        raise RtdenoiseError(
            "the library libpulse.so.0 is missing: install it (Debian and Ubuntu: apt-get install "
            "libpulse0)"
        ) from error
    try:
        return pulsectl.Pulse(f"rtdenoise-{time.monotonic_ns()}")
    except pulsectl.PulseError as error:
        raise RtdenoiseError(
            "no PulseAudio or PipeWire server answers: start one (systemctl --user start "
            "pipewire-pulse, or pulseaudio --start)"
        ) from error


def unload_modules(pulse: Any, indices: list[int]) -> None:
    """Unload modules, in this order; some may already be gone."""
    import pulsectl

    for index in indices:
        try:
            pulse.module_unload(index)
        except pulsectl.PulseError:
            pass  # it was unloaded together with a module that it depends on


def remove_stale_modules(pulse: Any) -> None:
    """Unload the modules of rtdenoise processes that no longer run."""
    stale = []
    for module in pulse.module_list():
        found = re.search(rf"{re.escape(PROCESS_PROPERTY)}=(\d+)", module.argument or "")
        if found and not _is_running(int(found[1])):
            stale.append(module.index)
    unload_modules(pulse, stale[::-1])  # the source before the sink that it depends on


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
