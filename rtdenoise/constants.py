"""The numbers that every part of the project shares."""

from __future__ import annotations

SAMPLE_RATE = 48_000  # Hz; every network and every engine runs at this rate
SEGMENT = SAMPLE_RATE  # samples: the one second that a segment model maps to one second
