"""What the first frame of an MP3 file tells about all of it: a Xing, Info or VBRI header."""

from __future__ import annotations

from pathlib import Path

from .id3 import id3_size

SEARCHED = 4096  # bytes of the first frame


def has_variable_bit_rate(path: Path) -> bool:
    """Return whether an MP3 file says that its bit rate varies."""
    return _names_any(path, b"Xing", b"VBRI")


def states_length(path: Path) -> bool:
    """Return whether an MP3 file states its length, which libsndfile estimates otherwise."""
    return _names_any(path, b"Xing", b"Info", b"VBRI")


def _names_any(path: Path, *names: bytes) -> bool:
    with open(path, "rb") as handle:
        handle.seek(id3_size(path))
        start = handle.read(SEARCHED)
    return any(name in start for name in names)
