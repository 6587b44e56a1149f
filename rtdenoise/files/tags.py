"""Copies tags byte for byte between files of one family: RIFF, AIFF, MP3, FLAC, Ogg, CAF, AU.

Other families get the ten tags that libsndfile knows, see `AudioReader.tags`. Values that measure
the level, such as ReplayGain, are left out: they are wrong after denoising.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .atomic_write import replace_start
from .ogg_comments import comment_names, copy_comments, ogg_comment_names
from .other_tags import copy_annotation, copy_ape, copy_caf_chunks, w64_names
from .riff_chunks import UNKNOWN_32, read_chunks

FAMILIES = {"WAV": "RIFF", "WAVEX": "RIFF", "RF64": "RIFF", "AIFF": "AIFF", "MP3": "MP3"}
FAMILIES |= {"FLAC": "FLAC", "OGG": "OGG", "CAF": "CAF", "AU": "AU"}
# What libsndfile writes by itself, what pads, and what measures the level.
OWN_CHUNKS = {b"fmt ", b"data", b"fact", b"ds64", b"COMM", b"SSND", b"FVER"}
OWN_CHUNKS |= {b"JUNK", b"junk", b"PAD ", b"FLLR", b"PEAK", b"levl"}
TIMED_CHUNKS = {b"cue ", b"plst", b"smpl", b"MARK", b"INST"}  # positions in the samples
LARGEST = 64 << 20  # bytes of a chunk; a larger one is damaged
BEXT_VERSION, BEXT_LOUDNESS, BEXT_UNSET = 346, 412, b"\xff\x7f" * 5
LEVEL_FRAMES = {b"RVA2", b"RVAD", b"RGAD", b"XRVA", b"TXXX"}  # TXXX: if it names one of these
LEVEL_NAMES = (b"REPLAYGAIN_", b"R128_", b"ITUNNORM", b"R\0E\0P\0L\0A\0Y\0G\0A\0I\0N")
# What `AudioReader.tags` has, by its name in ID3 and in Vorbis comments.
ID3_KNOWN = set("TIT2 TPE1 TALB COMM TCOP TDRC TYER TCON TRCK TSSE TENC".split())
ID3_WORDS = {"APIC": "cover", "USLT": "lyrics", "CHAP": "chapters", "CTOC": "chapters"}
ID3V22_NAMES = {b"TT2": "title", b"TP1": "artist", b"TAL": "album", b"COM": "comment"}
ID3V22_NAMES |= {b"TYE": "date", b"TCO": "genre", b"TRK": "tracknumber", b"TCR": "copyright"}
COMMENTS_KNOWN = set("TITLE ARTIST ALBUM COMMENT COPYRIGHT DATE GENRE TRACKNUMBER".split())
COMMENTS_KNOWN |= {"SOFTWARE", "LICENSE", "ENCODER", "METADATA_BLOCK_PICTURE"}
FLAC_COMMENT, FLAC_KEPT = 4, {2, 4, 5, 6}  # application, comments, cue sheet, picture
FLAC_TIMED = {5}


def same_family(one: str, other: str) -> bool:
    """Return whether tags can be copied between two of libsndfile's formats."""
    return FAMILIES.get(one, one) == FAMILIES.get(other, "none")


def copy_tags(source: Path, part: Path, container: str, whole: bool) -> list[str]:
    """Put the tags of `source` into the complete file `part` of the same family.

    Returns what does not fit. Unless it is the `whole` recording, positions in it such as cue
    points are left out. Raises OSError if the disk is full.
    """
    family = FAMILIES[container]
    if family in ("RIFF", "AIFF"):
        _append_chunks(part, read_tag_chunks(source, whole), family == "AIFF")
        if family == "RIFF":
            _copy_channel_mask(source, part)
    elif family == "OGG":
        return copy_comments(source, part)
    elif family == "MP3":
        replace_start(part, id3_size(part), _clean_id3(source))
        _append_id3v1(source, part)
        copy_ape(source, part)
    elif family == "CAF":
        copy_caf_chunks(source, part, whole)
    elif family == "AU":
        copy_annotation(source, part)
    else:
        blocks = [b for b in _flac_blocks(source) if b[0] in FLAC_KEPT]
        if not whole:
            blocks = [b for b in blocks if b[0] not in FLAC_TIMED]
        _replace_flac_blocks(part, blocks)
    return []


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


def lost_tags(source: Path, container: str) -> list[str]:
    """Return what a file of another family does not get from `source`, apart from unknown tags."""
    family = FAMILIES.get(container) if source.is_file() else None  # nothing of a pipe
    if family in ("RIFF", "AIFF"):
        names = [name for name, body in read_tag_chunks(source) if not _is_text(name, body)]
        return list(dict.fromkeys(name.decode().strip() for name in names))
    if family == "MP3":
        with open(source, "rb") as handle:
            tag = handle.read(id3_size(source))
        frames = {b"APIC": "cover", b"USLT": "lyrics", b"CHAP": "chapters"}
        if tag[3:4] == b"\2":
            frames = {b"PIC\0": "cover", b"ULT\0": "lyrics"}
        return [word for name, word in frames.items() if name in tag]
    if container == "W64" and source.is_file():
        return w64_names(source)
    if family == "FLAC":
        kinds = {kind for kind, _ in _flac_blocks(source)}
        return [word for kind, word in ((6, "cover"), (5, "cue sheet")) if kind in kinds]
    return []


def lost_names(source: Path, container: str) -> list[str]:
    """Return the names of tags that a file of another family does not get, such as `TXXX:mood`."""
    family = FAMILIES.get(container) if source.is_file() else None
    names: list[str] = []
    if family == "MP3":
        with open(source, "rb") as handle:
            tag = handle.read(id3_size(source))
        names = [n for n in _id3_names(tag) if n not in ID3_KNOWN and n not in ID3_WORDS]
        if tag[3:4] == b"\2":
            known = {*ID3V22_NAMES, b"PIC", b"ULT", b"TSS", b"TEN"}
            names = [name.decode() for name, _ in _id3v22_frames(tag) if name not in known]
    elif family == "FLAC":
        bodies = [body for kind, body in _flac_blocks(source) if kind == FLAC_COMMENT]
        names = [name for body in bodies for name in comment_names(body)]
    elif family == "OGG":
        names = ogg_comment_names(source)
    levels = tuple(name.decode() for name in LEVEL_NAMES)
    own = [n for n in names if n.upper() not in COMMENTS_KNOWN and not n.upper().startswith(levels)]
    return list(dict.fromkeys(own))


def _id3_names(tag: bytes) -> list[str]:
    """Return the frames of an ID3v2.3 or 2.4 tag; those of a user with their description."""
    names, position = [], 10
    while tag[3:4] in (b"\3", b"\4") and not tag[5] and position + 10 <= len(tag):
        head = tag[position : position + 10]
        if not head[:4].isalnum():
            break
        length = _syncsafe(head[4:8]) if tag[3] == 4 else struct.unpack(">I", head[4:8])[0]
        name, body = head[:4].decode(), tag[position + 10 : position + 10 + length]
        if name == "TXXX" and body:
            wide = body[0] in (1, 2)
            text = body[1:].decode("utf-16" if wide else "utf-8", "replace")
            name = f"TXXX:{text.partition(chr(0))[0]}"
        if not any(level in body.upper() for level in LEVEL_NAMES):
            names.append(name)
        position += 10 + length
    return names


def id3v22_tags(path: Path) -> dict[str, str]:
    """Return the tags of an ID3v2.2 tag, of which libsndfile reads none, by libsndfile's names."""
    with open(path, "rb") as handle:
        tag = handle.read(id3_size(path))
    found: dict[str, str] = {}
    for name, body in _id3v22_frames(tag):
        if body and (known := ID3V22_NAMES.get(name)):
            coding = {0: "latin-1", 1: "utf-16"}.get(body[0], "utf-8")
            text = body[1:] if name != b"COM" else body[4:].partition(b"\0")[2]
            found.setdefault(known, text.decode(coding, "replace").strip("\0"))
    return found


def _id3v22_frames(tag: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and body of the frames of an ID3v2.2 tag."""
    position = 10
    while tag[3:4] == b"\2" and not tag[5] and position + 6 <= len(tag):
        name, length = tag[position : position + 3], tag[position + 3 : position + 6]
        end = position + 6 + int.from_bytes(length, "big")
        if not name.isalnum():
            return
        yield name, tag[position + 6 : end]
        position = end


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


def id3_size(path: Path) -> int:
    """Return the length of the ID3v2 tag at the beginning of a file, 0 if there is none."""
    with open(path, "rb") as handle:
        head = handle.read(10)
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    return _syncsafe(head[6:]) + (20 if head[5] & 0x10 else 10)  # with a footer


def _clean_id3(source: Path) -> bytes:
    """Return the ID3v2 tag at the start of `source` without ReplayGain, or nothing."""
    size = id3_size(source)
    with open(source, "rb") as handle:
        tag = handle.read(size)
    if not size or len(tag) < size or tag[3] not in (3, 4) or tag[5]:
        return tag if len(tag) == size else b""  # unusual flags: copied as it is
    position, kept = 10, b""
    while position + 10 <= size and tag[position] != 0:
        name = tag[position : position + 4]
        length = struct.unpack_from(">I", tag, position + 4)[0]
        if tag[3] == 4:
            length = _syncsafe(tag[position + 4 : position + 8])
        frame = tag[position : position + 10 + length]
        if len(frame) < 10 + length:
            return tag
        measures = name in LEVEL_FRAMES - {b"TXXX"} or (
            name == b"TXXX" and any(level in frame.upper() for level in LEVEL_NAMES)
        )
        kept += b"" if measures else frame
        position += 10 + length
    kept += bytes(size - 10 - len(kept))  # padding, so that the tag keeps its size
    return tag[:10] + kept


def _syncsafe(data: bytes) -> int:
    return data[0] << 21 | data[1] << 14 | data[2] << 7 | data[3]


def _append_id3v1(source: Path, part: Path) -> None:
    with open(source, "rb") as handle:
        if handle.seek(0, os.SEEK_END) < 128:
            return
        handle.seek(-128, os.SEEK_END)
        tag = handle.read(128)
    with open(part, "r+b") as handle:
        handle.seek(max(0, handle.seek(0, os.SEEK_END) - 128))
        if tag[:3] == b"TAG" and handle.read(3) != b"TAG":
            handle.seek(0, os.SEEK_END)
            handle.write(tag)


def _flac_blocks(path: Path) -> list[tuple[int, bytes]]:
    """Return type and contents of the metadata blocks of a FLAC file, without ReplayGain."""
    return [
        (kind, _clean_comments(body) if kind == FLAC_COMMENT else body)
        for kind, body in _raw_blocks(path)
    ]


def _clean_comments(body: bytes) -> bytes:
    """Return Vorbis comments without ReplayGain."""
    try:
        start = 4 + struct.unpack_from("<I", body)[0]
        count = struct.unpack_from("<I", body, start)[0]
        position, kept = start + 4, []
        for _ in range(count):
            length = struct.unpack_from("<I", body, position)[0]
            comment = body[position : position + 4 + length]
            position += 4 + length
            if not comment[4:].upper().startswith(LEVEL_NAMES):
                kept.append(comment)
    except struct.error:
        return body
    return body[:start] + struct.pack("<I", len(kept)) + b"".join(kept)


def _replace_flac_blocks(part: Path, blocks: list[tuple[int, bytes]]) -> None:
    """Put `blocks` in the place of those of `part`, except for STREAMINFO and the seek table."""
    own = _raw_blocks(part)
    old = 4 + sum(4 + len(body) for _, body in own)
    kept = [b for b in own if b[0] in (0, 3)] + blocks
    head = b"fLaC"
    for number, (kind, body) in enumerate(kept):
        last = 0x80 if number == len(kept) - 1 else 0
        head += bytes([kind | last]) + len(body).to_bytes(3, "big") + body
    replace_start(part, old, head)


def _raw_blocks(path: Path) -> list[tuple[int, bytes]]:
    """Return type and contents of the metadata blocks of a FLAC file as they are."""
    blocks: list[tuple[int, bytes]] = []
    with open(path, "rb") as handle:
        handle.seek(id3_size(path))
        if handle.read(4) != b"fLaC":
            return blocks
        while len(head := handle.read(4)) == 4:
            body = handle.read(int.from_bytes(head[1:], "big"))
            blocks.append((head[0] & 0x7F, body))
            if head[0] & 0x80:
                break
    return blocks
