"""Pages of Ogg files: reading, writing and numbering them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

HEAD = 27  # bytes
MOST_LACING = 255  # values in a page, of up to 255 bytes each
CONTINUED, FIRST, LAST = 1, 2, 4  # flags of a page
UNKNOWN_POSITION = b"\xff" * 8  # of a page in which no packet ends
REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


class Page(NamedTuple):
    """One page of an Ogg file."""

    head: bytes  # 27 bytes
    lacing: bytes
    body: bytes

    @property
    def size(self) -> int:
        """The length in bytes."""
        return len(self.head) + len(self.lacing) + len(self.body)


NO_PAGE = Page(b"", b"", b"")


def read_page(handle: BinaryIO | io.BytesIO) -> Page:
    """Read one page; NO_PAGE at the end, or where there is none."""
    head = handle.read(HEAD)
    if len(head) < HEAD or head[:4] != b"OggS":
        return NO_PAGE
    lacing = handle.read(head[26])
    return Page(head, lacing, handle.read(sum(lacing)))


def read_pages(handle: BinaryIO | io.BytesIO) -> Iterator[Page]:
    """Yield pages up to the end, or to what is no page."""
    while (page := read_page(handle)).head:
        yield page


def page_bytes(page: Page, number: int) -> bytes:
    """Return a page with another number, and with its checksum."""
    head = page.head[:18] + struct.pack("<I", number) + bytes(4) + bytes([len(page.lacing)])
    data = head + page.lacing + page.body
    return data[:22] + struct.pack("<I", checksum(data)) + data[26:]


def make_pages(like: Page, packets: list[bytes]) -> list[Page]:
    """Return pages for whole packets, with the stream and the position of the page `like`."""
    lacing = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in packets)
    body, pages, start = b"".join(packets), [], 0
    for first in range(0, len(lacing), MOST_LACING):
        values = lacing[first : first + MOST_LACING]
        ends = any(value < 255 for value in values)
        flags = CONTINUED if first and lacing[first - 1] == 255 else 0
        position = like.head[6:14] if ends else UNKNOWN_POSITION
        head = like.head[:5] + bytes([flags]) + position + like.head[14:]
        pages.append(Page(head, values, body[start : start + sum(values)]))
        start += sum(values)
    return pages


def link_starts(path: Path) -> list[int]:
    """Return where the links of a chained file begin: whole streams, one after the other."""
    starts, position, before_was_first = [0], 0, True
    with open(path, "rb") as handle:
        while True:
            handle.seek(position)
            head = handle.read(HEAD)
            if len(head) < HEAD or head[:4] != b"OggS":
                return starts
            is_first = bool(head[5] & FIRST)
            if is_first and not before_was_first:
                starts.append(position)
            before_was_first = is_first
            position += HEAD + head[26] + sum(handle.read(head[26]))


def checksum(data: bytes) -> int:
    """Return the checksum of a page whose own checksum is zero.

    It is the CRC-32 of zlib without its inversions, and with all bits in reverse order.
    """
    crc = zlib.crc32(data.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(crc.to_bytes(4, "little").translate(REVERSED), "big")
