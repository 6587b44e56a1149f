"""Chunks of RIFF and AIFF files that are no samples: texts, positions, places of loudspeakers."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

from .riff_chunks import LARGEST, UNKNOWN_32, read_chunks

# What libsndfile writes by itself, what pads, and what measures the level.
OWN_CHUNKS = {b"fmt ", b"data", b"fact", b"ds64", b"COMM", b"SSND", b"FVER"}
OWN_CHUNKS |= {b"JUNK", b"junk", b"PAD ", b"FLLR", b"PEAK", b"levl"}
TIMED_CHUNKS = {b"cue ", b"plst", b"smpl", b"MARK", b"INST"}  # positions in the samples
BEXT_VERSION, BEXT_LOUDNESS, BEXT_UNSET = 346, 412, b"\xff\x7f" * 5


def copy_chunks(source: Path, part: Path, aiff: bool, whole: bool) -> None:
    """Append the chunks of `source` to the complete file `part`; AIFF is big-endian."""
    _append_chunks(part, read_tag_chunks(source, whole), aiff)
    if not aiff:
        _copy_channel_mask(source, part)


def chunk_names(source: Path) -> list[str]:
    """Return the chunks that hold something else than what `AudioReader.tags` has."""
    names = [name for name, body in read_tag_chunks(source) if not _is_text(name, body)]
    return list(dict.fromkeys(name.decode().strip() for name in names))


def read_tag_chunks(source: Path, whole: bool = True) -> list[tuple[bytes, bytes]]:
    """Return name and contents of the chunks of a RIFF or AIFF file that are no samples."""
    found = []
    with open(source, "rb") as handle:
        big = handle.read(4) in (b"FORM", b"RIFX")
        for chunk in read_chunks(handle, big):
            left_out = OWN_CHUNKS if whole else OWN_CHUNKS | TIMED_CHUNKS
            if chunk.name in left_out or not chunk.name.isascii() or chunk.size > LARGEST:
                continue
            handle.seek(chunk.start)
            body = handle.read(chunk.size)
            if len(body) < chunk.size or (not whole and body[:4] == b"adtl"):
                continue
            if chunk.name == b"LIST" and len(body) < 4:  # invalid; FFmpeg refuses such a file
                continue
            found.append((chunk.name, _without_loudness(body) if chunk.name == b"bext" else body))
    return found


def _is_text(name: bytes, body: bytes) -> bool:
    """Return whether a chunk holds what `AudioReader.tags` has."""
    return (name == b"LIST" and body[:4] == b"INFO") or name in (b"NAME", b"AUTH", b"ANNO", b"(c) ")


def _without_loudness(bext: bytes) -> bytes:
    """Return a bext chunk whose loudness values, of version 2 on, are marked as unset."""
    if len(bext) < BEXT_LOUDNESS + 10 or struct.unpack_from("<H", bext, BEXT_VERSION)[0] < 2:
        return bext
    return bext[:BEXT_LOUDNESS] + BEXT_UNSET + bext[BEXT_LOUDNESS + 10 :]


def _copy_channel_mask(source: Path, part: Path) -> None:
    """Copy the places of the loudspeakers; libsndfile writes the usual ones."""
    with open(source, "rb") as old, open(part, "r+b") as new:
        places = [_mask_position(handle) for handle in (old, new)]
        if places[0] and places[1]:
            old.seek(places[0])
            new.seek(places[1])
            new.write(old.read(4))


def _mask_position(handle: Any) -> int | None:
    """Return where the mask is in the fmt chunk of a little-endian file; None without one."""
    handle.seek(0)
    if handle.read(4) not in (b"RIFF", b"RF64"):
        return None
    for chunk in read_chunks(handle):
        if chunk.name == b"fmt " and chunk.size >= 40:
            handle.seek(chunk.start)
            return chunk.start + 20 if handle.read(2) == b"\xfe\xff" else None
    return None


def _append_chunks(part: Path, chunks: list[tuple[bytes, bytes]], big: bool) -> None:
    with open(part, "r+b") as handle:
        form = handle.read(4)
        order = ">" if big or form == b"RIFX" else "<"
        end = handle.seek(0, os.SEEK_END)
        if end % 2:
            handle.write(b"\0")
        for name, body in chunks:
            handle.write(
                struct.pack(order + "4sI", name, len(body)) + body + b"\0" * (len(body) % 2)
            )
        size = handle.tell() - 8
        if form == b"RF64":
            handle.seek(20)  # ds64 is the first chunk
            handle.write(struct.pack("<Q", size))
        elif size < UNKNOWN_32:
            handle.seek(4)
            handle.write(struct.pack(order + "I", size))
