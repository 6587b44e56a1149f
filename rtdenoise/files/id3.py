"""ID3 tags of MP3 files, versions 1, 2.2, 2.3 and 2.4, without what measures the level."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from .atomic_write import replace_start
from .level_tags import holds_level

HEADER = 10  # bytes of a tag's header, and of a frame's
ID3V1 = 128  # bytes
LEVEL_FRAMES = {b"RVA2", b"RVAD", b"RGAD", b"XRVA"}
# What `AudioReader.tags` has.
KNOWN = set("TIT2 TPE1 TALB COMM TCOP TDRC TYER TCON TRCK TSSE TENC".split())
WORDS = {b"APIC": "cover", b"USLT": "lyrics", b"CHAP": "chapters", b"CTOC": "chapters"}
V22_WORDS = {b"PIC": "cover", b"ULT": "lyrics"}
V22_NAMES = {b"TT2": "title", b"TP1": "artist", b"TAL": "album", b"COM": "comment"}
V22_NAMES |= {b"TYE": "date", b"TCO": "genre", b"TRK": "tracknumber", b"TCR": "copyright"}
V22_KNOWN = {*V22_NAMES, *V22_WORDS, b"TSS", b"TEN"}


def id3_size(path: Path) -> int:
    """Return the length of the ID3v2 tag at the beginning of a file, 0 if there is none."""
    with open(path, "rb") as handle:
        return _stated_size(handle.read(HEADER))


def copy_id3(source: Path, part: Path) -> None:
    """Put the tags of `source` at the start and at the end of the complete file `part`."""
    replace_start(part, id3_size(part), _clean_tag(source))
    _append_id3v1(source, part)


def id3v22_tags(path: Path) -> dict[str, str]:
    """Return the tags of an ID3v2.2 tag, of which libsndfile reads none, by libsndfile's names."""
    found: dict[str, str] = {}
    for name, body in _v22_frames(_tag(path)):
        if body and (known := V22_NAMES.get(name)):
            coding = {0: "latin-1", 1: "utf-16"}.get(body[0], "utf-8")
            text = body[1:] if name != b"COM" else body[4:].partition(b"\0")[2]
            found.setdefault(known, text.decode(coding, "replace").strip("\0"))
    return found


def id3_pictures(source: Path) -> list[str]:
    """Return what a tag holds besides text: cover, lyrics, chapters."""
    tag = _tag(source)
    words = V22_WORDS if tag[3:4] == b"\2" else WORDS
    return list(dict.fromkeys(word for name, word in words.items() if name in tag))


def id3_names(source: Path) -> list[str]:
    """Return the frames of text that `AudioReader.tags` lacks, of a user with their description."""
    tag = _tag(source)
    if tag[3:4] == b"\2":
        return [name.decode() for name, _ in _v22_frames(tag) if name not in V22_KNOWN]
    names = []
    for name, frame, _ in _frames(tag):
        if not name.isalnum():
            break
        if name not in WORDS and not holds_level(frame):
            names.append(_described(name.decode(), frame[HEADER:]))
    return [name for name in names if name not in KNOWN]


def _described(name: str, body: bytes) -> str:
    """Return the name of a frame, that of a user as `TXXX:mood`."""
    if name != "TXXX" or not body:
        return name
    text = body[1:].decode("utf-16" if body[0] in (1, 2) else "utf-8", "replace")
    return f"TXXX:{text.partition(chr(0))[0]}"


def _tag(path: Path) -> bytes:
    with open(path, "rb") as handle:
        head = handle.read(HEADER)
        handle.seek(0)
        return handle.read(_stated_size(head))


def _stated_size(head: bytes) -> int:
    """Return the length of the tag that begins with `head`, 0 if none does."""
    if len(head) < HEADER or head[:3] != b"ID3":
        return 0
    return _syncsafe(head[6:]) + (2 * HEADER if head[5] & 0x10 else HEADER)  # with a footer


def _frames(tag: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield name, bytes with the header, and whether all are there, of ID3v2.3 or 2.4 frames.

    Tags with unusual flags, of older versions or without frames yield nothing.
    """
    position = HEADER
    while tag[3:4] in (b"\3", b"\4") and not tag[5] and position + HEADER <= len(tag):
        head = tag[position : position + HEADER]
        if not head[0]:
            return  # padding
        length = _syncsafe(head[4:8]) if tag[3] == 4 else struct.unpack(">I", head[4:8])[0]
        end = position + HEADER + length
        yield head[:4], tag[position:end], end <= len(tag)
        position = end


def _v22_frames(tag: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and body of the frames of an ID3v2.2 tag."""
    position = HEADER
    while tag[3:4] == b"\2" and not tag[5] and position + 6 <= len(tag):
        name, length = tag[position : position + 3], tag[position + 3 : position + 6]
        end = position + 6 + int.from_bytes(length, "big")
        if not name.isalnum():
            return
        yield name, tag[position + 6 : end]
        position = end


def _clean_tag(source: Path) -> bytes:
    """Return the ID3v2 tag at the start of `source` without ReplayGain, or nothing."""
    tag = _tag(source)
    size = _stated_size(tag[:HEADER])
    if not size or len(tag) < size or tag[3] not in (3, 4) or tag[5]:
        return tag if len(tag) == size else b""  # unusual flags: copied as it is
    kept = b""
    for name, frame, whole in _frames(tag):
        if not whole:
            return tag
        measures = name in LEVEL_FRAMES or (name == b"TXXX" and holds_level(frame))
        kept += b"" if measures else frame
    kept += bytes(size - HEADER - len(kept))  # padding, so that the tag keeps its size
    return tag[:HEADER] + kept


def _append_id3v1(source: Path, part: Path) -> None:
    with open(source, "rb") as handle:
        if handle.seek(0, os.SEEK_END) < ID3V1:
            return
        handle.seek(-ID3V1, os.SEEK_END)
        tag = handle.read(ID3V1)
    with open(part, "r+b") as handle:
        handle.seek(max(0, handle.seek(0, os.SEEK_END) - ID3V1))
        if tag[:3] == b"TAG" and handle.read(3) != b"TAG":
            handle.seek(0, os.SEEK_END)
            handle.write(tag)


def _syncsafe(data: bytes) -> int:
    return data[0] << 21 | data[1] << 14 | data[2] << 7 | data[3]
