"""Audio and video files: opened by name, read in blocks, written completely or not at all.

This room imports only `errors` and `constants`. Other rooms import the names below and nothing
else; which class reads or writes a format is decided by `open_reader` and `open_writer`.
"""

from __future__ import annotations

from .atomic_write import PART_NAME, atomic_output, part_path, remove_stale_parts
from .audio_reader import AudioReader
from .formats import AUDIO_SUFFIXES, UNCOMPRESSED, Reader, Writer, open_reader, open_writer
from .paths import (
    STDOUT,
    check_output,
    check_output_folder,
    check_readable_folder,
    check_space,
    create_folder,
    is_batch,
    is_fifo,
    is_url,
)
from .time_range import WHOLE_FILE, TimeRange, as_time_range, parse_time
from .tracks import ALL_TRACKS, between_tracks, count_tracks, parse_track

__all__ = [
    "ALL_TRACKS",
    "AUDIO_SUFFIXES",
    "PART_NAME",
    "STDOUT",
    "WHOLE_FILE",
    "AudioReader",
    "Reader",
    "UNCOMPRESSED",
    "TimeRange",
    "Writer",
    "as_time_range",
    "atomic_output",
    "between_tracks",
    "check_output",
    "check_output_folder",
    "check_readable_folder",
    "check_space",
    "create_folder",
    "count_tracks",
    "is_batch",
    "is_fifo",
    "is_url",
    "open_reader",
    "open_writer",
    "parse_time",
    "parse_track",
    "part_path",
    "remove_stale_parts",
]
