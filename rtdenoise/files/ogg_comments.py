"""Copies the comments of an Ogg file (Vorbis or Opus) into another one, in place of its own.

libsndfile writes the headers after the first page into one page, which the audio does not share.
If the new ones need more pages than that, all later pages get new numbers.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from .atomic_write import part_path
from .level_tags import is_level
from .ogg_pages import Page, make_pages, page_bytes, read_page, read_pages

# Start of a comment packet, by that of the first packet; FLAC has a block header of four bytes.
MAGIC = {b"OpusHead": b"OpusTags", b"\x01vorbis": b"\x03vorbis", b"Speex   ": b"", b"\x7fFLAC": b""}
VORBIS_END = b"\x01"
LARGEST = 1 << 26  # bytes of comments; larger ones are damaged


def copy_comments(source: Path, part: Path) -> list[str]:
    """Put the comments of `source` into the complete file `part`; return what does not fit."""
    found = _read_comments(source)
    with open(part, "rb") as old:
        first, page = read_page(old), read_page(old)
        own = _split(page)
        magic = MAGIC.get(first.body[:8]) or MAGIC.get(first.body[:7])
        if found is None or not own or not magic:
            return []
        kept = [comment for comment in found if not is_level(comment)]
        pages = make_pages(page, [_comment_packet(magic, kept), *own[1:]])
        second = part_path(part)
        try:
            with open(second, "wb") as new:
                new.write(page_bytes(first, 0))
                for number, item in enumerate(pages, 1):
                    new.write(page_bytes(item, number))
                for number, item in enumerate(read_pages(old), 1 + len(pages)):
                    new.write(page_bytes(item, number))
            os.replace(second, part)
        finally:
            second.unlink(missing_ok=True)
    return []


def comment_names(body: bytes) -> list[str]:
    """Return the names of Vorbis comments, from the vendor's name on."""
    return [comment.partition(b"=")[0].decode("utf-8", "replace") for comment in _comments(body)]


def clean_comments(body: bytes) -> bytes:
    """Return Vorbis comments, from the vendor's name on, without what measures the level."""
    try:
        start, comments = _counted_comments(body)
    except struct.error:
        return body
    kept = [comment for comment in comments if not is_level(comment[4:])]
    return body[:start] + struct.pack("<I", len(kept)) + b"".join(kept)


def ogg_comment_names(source: Path) -> list[str]:
    """Return the names of the comments of an Ogg file."""
    comments = _read_comments(source) or []
    return [comment.partition(b"=")[0].decode("utf-8", "replace") for comment in comments]


def _read_comments(source: Path) -> list[bytes] | None:
    """Return the comments of an Ogg file; None if it has none that are known."""
    packets = _packets(source)
    if len(packets) < 2:
        return None
    for start, magic in MAGIC.items():
        if packets[0].startswith(start) and packets[1].startswith(magic):
            skipped = 4 if start == b"\x7fFLAC" else len(magic)
            return _comments(packets[1][skipped:])
    return None


def _split(page: Page) -> list[bytes]:
    """Return the packets of a page; none if the last one goes on in the next page."""
    packets: list[bytes] = []
    position, length = 0, 0
    for size in page.lacing:
        length += size
        if size < 255:
            packets.append(page.body[position : position + length])
            position, length = position + length, 0
    return packets if not length and page.lacing else []


def _packets(source: Path, count: int = 2) -> list[bytes]:
    """Return the first `count` packets of the first stream of a file."""
    packets: list[bytes] = []
    pieces: list[bytes] = []
    with open(source, "rb") as handle:
        serial = b""
        for page in read_pages(handle):
            serial = serial or page.head[14:18]
            if page.head[14:18] != serial:  # of another stream, such as a picture
                continue
            position = 0
            for size in page.lacing:
                pieces.append(page.body[position : position + size])
                position += size
                if size < 255:
                    packets.append(b"".join(pieces))
                    pieces.clear()
                if len(packets) == count or len(pieces) * 255 > LARGEST:
                    return packets
    return packets


def _comments(body: bytes) -> list[bytes]:
    """Return the comments NAME=value after the vendor's name."""
    try:
        return [comment[4:] for comment in _counted_comments(body)[1]]
    except struct.error:
        return []


def _counted_comments(body: bytes) -> tuple[int, list[bytes]]:
    """Return where their number stands, and the comments, each after its length of four bytes.

    Raises struct.error if they are damaged.
    """
    start = 4 + struct.unpack_from("<I", body)[0]
    position, comments = start + 4, []
    for _ in range(struct.unpack_from("<I", body, start)[0]):
        end = position + 4 + struct.unpack_from("<I", body, position)[0]
        comments.append(body[position:end])
        position = end
    return start, comments


def _comment_packet(magic: bytes, comments: list[bytes]) -> bytes:
    packet = magic + struct.pack("<I", 9) + b"rtdenoise" + struct.pack("<I", len(comments))
    packet += b"".join(struct.pack("<I", len(comment)) + comment for comment in comments)
    return packet + (VORBIS_END if magic.endswith(b"vorbis") else b"")
