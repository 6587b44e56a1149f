"""Switches off the telemetry of other libraries; rtdenoise itself has none.

`rtdenoise/__init__.py` does it before anything else is imported, because the libraries read these
variables only once. Child processes and the tasks of a Ray cluster inherit them or import
rtdenoise themselves.
"""

from __future__ import annotations

import os

# A value that is already set is the user's own decision and stays.
VARIABLES = {
    # From 1.29 on, importing onnxruntime writes a device id and a database under ~/.cache/Microsoft
    # and a file into TMPDIR; some seconds later it reports to mobile.events.data.microsoft.com.
    # Its own disable_telemetry_events() does not stop that.
    "ORT_DISABLE_TELEMETRY": "1",
    # The head of a Ray cluster reports its use to usage-stats.ray.io.
    "RAY_USAGE_STATS_ENABLED": "0",
}


def disable_telemetry() -> None:
    """Set the variables that switch telemetry off, where the user has not set them."""
    for name, value in VARIABLES.items():
        os.environ[name] = os.environ.get(name) or value
