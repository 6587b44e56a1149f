"""ROOM rtdenoise.files"""

from __future__ import annotations

from .atomic_write import PART, part_path, written_whole
from .audio_reader import AudioReader
from .formats import Reader, Writer, open_reader, open_writer
from .paths import PIPE, check_output
from .time_range import WHOLE, Span, seconds

__all__ = [
    "AudioReader",
    "PART",
    "PIPE",
    "Reader",
    "Span",
    "WHOLE",
    "Writer",
    "check_output",
    "open_reader",
    "open_writer",
    "part_path",
    "seconds",
    "written_whole",
]
