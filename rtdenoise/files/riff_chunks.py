"""The chunks of RIFF, AIFF, CAF and W64 files."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

UNKNOWN_32 = 0xFFFFFFFF
LARGEST = 64 << 20  # bytes of a chunk or tag that is copied; a larger one is damaged
MOST_CHUNKS = 10_000  # a damaged file of zeros would seem to have millions


class Chunk(NamedTuple):
    """A piece of a file."""

    name: bytes
    start: int  # position of the first byte after name and size
    size: int


def read_chunks(handle: io.BufferedIOBase, big_endian: bool = False) -> list[Chunk]:
    """Return the chunks of a RIFF, RIFX, RF64 or AIFF file. Sizes are as stated,
    that of the samples of RF64 in its ds64 chunk.
    """
    end = handle.seek(0, os.SEEK_END)
    chunks: list[Chunk] = []
    position, long_size = 12, 0
    while position + 8 <= end and len(chunks) < MOST_CHUNKS:
        handle.seek(position)
        name, size = struct.unpack(">4sI" if big_endian else "<4sI", handle.read(8))
        if name == b"ds64":  # of RF64: 64-bit sizes of the file and of the samples
            long_size = int.from_bytes(handle.read(16)[8:], "little")
        if name == b"data" and size == UNKNOWN_32 and long_size:
            size = long_size
        chunks.append(Chunk(name, position + 8, size))
        if size == UNKNOWN_32 or name == bytes(4):
            break
        position += 8 + size
        position += _padding(handle, position) if size % 2 else 0
    return chunks


def caf_chunks(handle: io.BufferedIOBase) -> Iterator[Chunk]:
    """Yield the chunks of a CAF file; the size of the last one is -1 if it goes up to the end."""
    end, position = handle.seek(0, os.SEEK_END), 8
    while position + 12 <= end:
        handle.seek(position)
        name, size = struct.unpack(">4sq", handle.read(12))
        yield Chunk(name, position + 12, size)
        if size < 0:
            return
        position += 12 + size


def w64_chunks(handle: io.BufferedIOBase) -> Iterator[Chunk]:
    """Yield the chunks of a W64 file, with the first four bytes of their 16-byte names."""
    end, position = handle.seek(0, os.SEEK_END), 40
    while position + 24 <= end:
        handle.seek(position)
        name, length = struct.unpack("<4s12xQ", handle.read(24))
        if length < 24:  # name and size count
            return
        yield Chunk(name, position + 24, length - 24)
        position += -(-length // 8) * 8


def is_name(name: bytes) -> bool:
    """Return whether four bytes can be the name of a chunk."""
    return len(name) == 4 and name.isascii() and name.decode("ascii").isprintable()


def _padding(handle: io.BufferedIOBase, position: int) -> int:
    """Return the length of the padding after a chunk of odd size: 1, or 0 if it was forgotten."""
    handle.seek(position)
    following = handle.read(5)
    forgotten = following[:1] != b"\0" and is_name(following[:4]) and not is_name(following[1:5])
    return 0 if forgotten else 1
