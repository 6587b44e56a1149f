"""Constants shared by all parts of the project."""

from __future__ import annotations

VERSION = "0.1.0"  # of the package; pyproject.toml reads it from here
SAMPLE_RATE = 48_000  # Hz; every network and every engine runs at this rate
LOWEST_RATE, HIGHEST_RATE = 100, 3_072_000  # Hz of a recording or a stream
MAX_CHANNELS = 8  # of a recording or a stream
SEGMENT = SAMPLE_RATE  # samples: one second, the input length of a segment model
