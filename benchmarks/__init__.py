"""Benchmarks: `python -m benchmarks NAME`. `sound` stands on `speed`, that on `live`, and all on
`peers` and `reporting`.
"""

from __future__ import annotations

# First of all: importing rtdenoise switches off the telemetry of other libraries.
from rtdenoise.command import report_import_errors

report_import_errors("benchmarks", extra="benchmark")
