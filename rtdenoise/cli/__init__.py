"""The command line `rtdenoise`: commands, their options, and one line for every error.

This room may import every other room of the package, and no room imports it. The commands import
what they need when they run, so that `rtdenoise file` never loads audio devices.
"""

from __future__ import annotations

from .application import app, main

__all__ = ["app", "main"]
