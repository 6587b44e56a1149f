"""Export of checkpoints to ONNX: python -m export."""

from __future__ import annotations

# First of all: importing rtdenoise switches off the telemetry of other libraries.
from rtdenoise.command import report_import_errors

report_import_errors("export", extra="train")
