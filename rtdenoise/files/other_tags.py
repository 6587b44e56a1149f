"""Copies what MP3, CAF and AU files hold besides samples: APE tags, chunks and the annotation."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from .atomic_write import replace_start
from .id3 import ID3V1
from .level_tags import is_level
from .riff_chunks import LARGEST, caf_chunks, w64_chunks

APE_START, APE_FRAME = b"APETAGEX", 32  # bytes of its header and of its footer
# What libsndfile writes by itself or what describes the samples, and what pads.
CAF_OWN = {b"desc", b"data", b"pakt", b"kuki", b"free", b"peak", b"ovvw"}
CAF_TIMED = {b"mark", b"regn", b"inst", b"edct"}
AU_HEADER = 24  # bytes


def copy_ape(source: Path, part: Path) -> None:
    """Append the APE tag of an MP3 file, without ReplayGain, to `part`, before its ID3v1 tag."""
    items = [item for item in _ape_items(source) if not is_level(item[8:])]
    if not items:
        return
    body = b"".join(items)
    head, foot = (
        APE_START + struct.pack("<IIIIQ", 2000, len(body) + APE_FRAME, len(items), flags, 0)
        for flags in (0xA0000000, 0x80000000)
    )
    with open(part, "r+b") as handle:
        handle.seek(max(0, handle.seek(0, os.SEEK_END) - ID3V1))
        end = handle.tell()
        id3v1 = handle.read()
        if id3v1[:3] != b"TAG":
            id3v1 = b""
            end = handle.tell()
        handle.seek(end)
        handle.write(head + body + foot + id3v1)


def _ape_items(source: Path) -> list[bytes]:
    """Return the items of the APE tag at the end of a file: size, flags, name, zero, value."""
    with open(source, "rb") as handle:
        end = handle.seek(0, os.SEEK_END)
        for place in (end - APE_FRAME, end - ID3V1 - APE_FRAME):
            handle.seek(max(0, place))
            foot = handle.read(APE_FRAME)
            if foot[:8] == APE_START:
                break
        else:
            return []
        size, count = struct.unpack("<II", foot[12:20])
        if not APE_FRAME <= size <= min(LARGEST, place + APE_FRAME):
            return []
        handle.seek(place + APE_FRAME - size)
        body = handle.read(size - APE_FRAME)
    items: list[bytes] = []
    position = 0
    while len(items) < count and position + 8 < len(body):
        length = struct.unpack_from("<I", body, position)[0]
        last = body.find(b"\0", position + 8) + 1 + length
        if last <= length or last > len(body):
            break
        items.append(body[position:last])
        position = last
    return items


def copy_caf_chunks(source: Path, part: Path, whole: bool) -> None:
    """Append the chunks of a CAF file that are no samples; they replace those in `part`."""
    left_out = CAF_OWN if whole else CAF_OWN | CAF_TIMED
    kept = {name: body for name, body in _caf_bodies(source) if name not in left_out}
    with open(part, "r+b") as handle:
        places = list(caf_chunks(handle))
        if any(chunk.size < 0 for chunk in places):
            return
        for chunk in places:
            if chunk.name in kept:
                handle.seek(chunk.start - 12)
                handle.write(b"free")
        handle.seek(0, os.SEEK_END)
        for name, body in kept.items():
            handle.write(name + struct.pack(">q", len(body)) + body)


def _caf_bodies(path: Path) -> list[tuple[bytes, bytes]]:
    with open(path, "rb") as handle:
        found = []
        for chunk in caf_chunks(handle):
            if chunk.name not in CAF_OWN and 0 <= chunk.size <= LARGEST:
                handle.seek(chunk.start)
                found.append((chunk.name, handle.read(chunk.size)))
    return found


def copy_annotation(source: Path, part: Path) -> None:
    """Put the annotation in the header of an AU file into that of `part`."""
    old, new = _annotation(source), _annotation(part)
    if old is None or new is None or not old[1].strip(b"\0"):
        return
    order, text = new[0], old[1]
    with open(part, "rb") as handle:
        head = handle.read(AU_HEADER)
    start = struct.pack(order + "I", AU_HEADER + len(text))
    replace_start(part, AU_HEADER + len(new[1]), head[:4] + start + head[8:] + text)


def _annotation(path: Path) -> tuple[str, bytes] | None:
    """Return the byte order and the annotation of an AU file."""
    with open(path, "rb") as handle:
        head = handle.read(AU_HEADER)
        order = {b".snd": ">", b"dns.": "<"}.get(head[:4])
        if order is None or len(head) < AU_HEADER:
            return None
        start = struct.unpack(order + "I", head[4:8])[0]
        if not AU_HEADER <= start <= 1 << 20:
            return None
        return order, handle.read(start - AU_HEADER)


def w64_names(path: Path) -> list[str]:
    """Return the chunks of a W64 file that are no samples. libsndfile would play copies of them."""
    names: list[str] = []
    with open(path, "rb") as handle:
        for chunk in w64_chunks(handle):
            if not chunk.name.strip().isalnum():
                break
            if chunk.name not in (b"fmt ", b"data", b"fact"):
                names.append(chunk.name.decode("latin-1").strip())
    return list(dict.fromkeys(names))
