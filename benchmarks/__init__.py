"""Benchmarks: `python -m benchmarks NAME`.

Imports point downwards in this order: commands, readme, sound, speed, live, peers and reporting.
"""

from __future__ import annotations

# First of all: importing rtdenoise switches off the telemetry of other libraries.
from rtdenoise.command import report_import_errors

report_import_errors("benchmarks", extra="benchmark")
