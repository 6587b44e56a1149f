"""Benchmarks: `python -m benchmarks NAME`. `sound` stands on `speed`, that on `live`, and all on
`peers` and `reporting`.
"""

from __future__ import annotations

import rtdenoise  # noqa: F401  (first of all: it switches off the telemetry of libraries)
