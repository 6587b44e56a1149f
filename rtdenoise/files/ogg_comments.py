"""Copies the comments of an Ogg file (Vorbis or Opus) into another one, in place of its own.

libsndfile writes the headers after the first page into one page, which the audio does not share.
So only that page changes, as long as it does not grow beyond 65,025 bytes.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from .atomic_write import replace_start

MOST_PAGE = 255 * 255  # bytes
MAGIC = {b"OpusTags": b"", b"\x03vorbis": b"\x01"}  # start of a comment packet: its end
LEVEL_NAMES = (b"REPLAYGAIN_", b"R128_")
PICTURE = b"METADATA_BLOCK_PICTURE="
POLYNOMIAL = 0x04C11DB7
SEARCHED = 1 << 24  # bytes of a file that may hold its headers


class Page(NamedTuple):
    """One page of an Ogg file."""

    head: bytes  # 27 bytes
    lacing: bytes
    body: bytes


def copy_comments(source: Path, part: Path) -> list[str]:
    """Put the comments of `source` into the complete file `part`; return what does not fit."""
    with open(source, "rb") as handle:
        packets = _packets(handle.read(SEARCHED), 2)
    with open(part, "rb") as handle:
        data = handle.read(1 << 17)
    if len(packets) < 2 or (magic := _magic(packets[1])) is None:
        return []
    first = _page(data, 0)
    start = len(first.head) + len(first.lacing) + len(first.body)
    page = _page(data, start)
    own = _split(page)
    if not own or (target := _magic(own[0])) is None:
        return []
    comments = [
        comment
        for comment in _comments(packets[1][len(magic) :])
        if not comment.upper().startswith(LEVEL_NAMES)
    ]
    lost = []
    packet = _comment_packet(target, comments)
    if sum(map(len, own[1:])) + len(packet) + 510 > MOST_PAGE:
        comments = [comment for comment in comments if not comment.startswith(PICTURE)]
        packet, lost = _comment_packet(target, comments), ["cover"]
    new = _join(page, [packet, *own[1:]])
    if new is None:
        return ["comments"]
    end = start + len(page.head) + len(page.lacing) + len(page.body)
    replace_range(part, start, end, new)
    return lost


def comment_names(body: bytes) -> list[str]:
    """Return the names of Vorbis comments, from the vendor's name on."""
    return [comment.partition(b"=")[0].decode("utf-8", "replace") for comment in _comments(body)]


def ogg_comment_names(source: Path) -> list[str]:
    """Return the names of the comments of an Ogg file."""
    with open(source, "rb") as handle:
        packets = _packets(handle.read(SEARCHED), 2)
    magic = _magic(packets[1]) if len(packets) > 1 else None
    return comment_names(packets[1][len(magic) :]) if magic else []


def replace_range(part: Path, start: int, end: int, new: bytes) -> None:
    """Replace the bytes from `start` to `end` of a file; what follows moves."""
    with open(part, "rb") as handle:
        before = handle.read(start)
    replace_start(part, end, before + new)


def _magic(packet: bytes) -> bytes | None:
    return next((magic for magic in MAGIC if packet.startswith(magic)), None)


def _page(data: bytes, start: int) -> Page:
    head = data[start : start + 27]
    if head[:4] != b"OggS":
        return Page(b"", b"", b"")
    lacing = data[start + 27 : start + 27 + head[26]]
    first = start + 27 + len(lacing)
    return Page(head, lacing, data[first : first + sum(lacing)])


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


def _packets(data: bytes, count: int) -> list[bytes]:
    """Return the first `count` packets of a file with one stream."""
    packets: list[bytes] = []
    position, packet = 0, b""
    while len(packets) < count and (page := _page(data, position)).head:
        position += len(page.head) + len(page.lacing)
        for size in page.lacing:
            packet += data[position : position + size]
            position += size
            if size < 255:
                packets.append(packet)
                packet = b""
    return packets[:count]


def _comments(body: bytes) -> list[bytes]:
    """Return the comments NAME=value after the vendor's name."""
    try:
        position = 4 + struct.unpack_from("<I", body)[0]
        count, comments = struct.unpack_from("<I", body, position)[0], []
        position += 4
        for _ in range(count):
            length = struct.unpack_from("<I", body, position)[0]
            comments.append(body[position + 4 : position + 4 + length])
            position += 4 + length
        return comments
    except struct.error:
        return []


def _comment_packet(magic: bytes, comments: list[bytes]) -> bytes:
    packet = magic + struct.pack("<I", 9) + b"rtdenoise" + struct.pack("<I", len(comments))
    packet += b"".join(struct.pack("<I", len(comment)) + comment for comment in comments)
    return packet + MAGIC[magic]


def _join(page: Page, packets: list[bytes]) -> bytes | None:
    """Return `page` with other packets, or None if they do not fit."""
    lacing = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in packets)
    if len(lacing) > 255:
        return None
    head = page.head[:22] + bytes(4) + bytes([len(lacing)])
    data = head + lacing + b"".join(packets)
    return data[:22] + struct.pack("<I", checksum(data)) + data[26:]


def checksum(data: bytes) -> int:
    """Return the checksum of a page whose own checksum is zero (CRC-32, not reflected)."""
    table = []
    for value in range(256):
        crc = value << 24
        for _ in range(8):
            crc = (crc << 1) ^ (POLYNOMIAL if crc & 0x80000000 else 0)
        table.append(crc & 0xFFFFFFFF)
    crc = 0
    for byte in data:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ table[(crc >> 24) ^ byte]
    return crc
