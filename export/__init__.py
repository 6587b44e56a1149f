"""Export of checkpoints to ONNX: python -m export."""

from __future__ import annotations

import rtdenoise  # noqa: F401  (first of all: it switches off the telemetry of libraries)
