"""Copies the iTunes tags (`ilst`) of MP4 files byte for byte; FFmpeg writes a part of them only."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .riff_chunks import UNKNOWN_32

PATH = (b"moov", b"udta", b"meta", b"ilst")
META_HEAD = 4  # bytes of version and flags before the boxes in `meta`
ENCODER, FREE_FORM = b"\xa9too", b"----"
# Names of free-form tags that measure the level, or the encoder's delay.
STALE = (b"replaygain_", b"itunnorm", b"itunsmpb", b"r128_")
LARGEST = 64 << 20  # bytes of tags; larger ones are damaged


class _Box(NamedTuple):
    start: int  # of its size
    body: int  # start of its contents
    end: int


def copy_mp4_tags(source: Path, part: Path) -> None:
    """Put the tags of `source` in the place of those of the complete file `part`.

    Does nothing unless both have such tags, and those of `part` come after its samples.
    """
    with open(source, "rb") as old, open(part, "r+b") as new:
        found, boxes = _find(old), _find(new)
        end = new.seek(0, os.SEEK_END)
        if len(found) < len(PATH) or len(boxes) < len(PATH) or boxes[0].end != end:
            return
        tags = _items(old, found[-1]) + _encoder(new, boxes[-1])
        ilst = boxes[-1]
        change = len(tags) - (ilst.end - ilst.body)
        new.seek(ilst.end)
        rest = new.read()
        new.seek(ilst.body)
        new.write(tags + rest)
        new.truncate()
        for box in boxes:
            new.seek(box.start)
            new.write(struct.pack(">I", box.end - box.start + change))


def _find(handle: BinaryIO) -> list[_Box]:
    """Return the boxes of PATH, as far as they exist with sizes of 32 bits."""
    found: list[_Box] = []
    start, end = 0, handle.seek(0, os.SEEK_END)
    for name in PATH:
        box = next((box for kind, box in _boxes(handle, start, end) if kind == name), None)
        if box is None or box.end > end or box.body != box.start + 8:
            break
        found.append(box)
        start, end = box.body + (META_HEAD if name == b"meta" else 0), box.end
    return found


def _boxes(handle: BinaryIO, start: int, end: int) -> list[tuple[bytes, _Box]]:
    found = []
    while start + 8 <= end:
        handle.seek(start)
        size, name = struct.unpack(">I4s", handle.read(8))
        body = start + 8
        if size == 1:
            size, body = int.from_bytes(handle.read(8), "big"), start + 16
        size = size or end - start
        if size < body - start:
            break
        found.append((name, _Box(start, body, start + size)))
        start += size
    return found


def _items(handle: BinaryIO, ilst: _Box) -> bytes:
    """Return the tags of a file that stay true of a denoised one."""
    if ilst.end - ilst.start > min(LARGEST, UNKNOWN_32):
        return b""
    kept = b""
    for name, box in _boxes(handle, ilst.body, ilst.end):
        handle.seek(box.start)
        item = handle.read(box.end - box.start)
        stale = name == FREE_FORM and any(word in item[:200].lower() for word in STALE)
        if not stale and name != ENCODER:
            kept += item
    return kept


def _encoder(handle: BinaryIO, ilst: _Box) -> bytes:
    """Return the tag that names the program that wrote a file."""
    for name, box in _boxes(handle, ilst.body, ilst.end):
        if name == ENCODER:
            handle.seek(box.start)
            return handle.read(box.end - box.start)
    return b""
