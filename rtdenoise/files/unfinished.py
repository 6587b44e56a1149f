"""Headers without a length, as a recorder leaves them that was killed, and how to read on."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import NamedTuple

UNKNOWN_32, UNKNOWN_64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
MOST_CHUNKS = 10_000  # a damaged file of zeros would seem to have millions
LONGEST_HEADER = 16 << 20  # bytes that are searched for the beginning of the samples


class Chunk(NamedTuple):
    """A piece of a RIFF or AIFF file."""

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
        position += 8 + size + size % 2
    return chunks


class MendedFile(io.RawIOBase):
    """A file whose first `skipped` bytes are replaced by `head`."""

    def __init__(self, path: Path, head: bytes, skipped: int) -> None:
        """Open for reading."""
        self._file = open(path, "rb")
        self._head, self._skipped, self._position = head, skipped, 0
        self._size = os.fstat(self._file.fileno()).st_size - skipped + len(head)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move as in any file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        size = self._size - self._position if size < 0 else size
        data = self._head[self._position : self._position + size]
        if len(data) < size:
            self._file.seek(self._position + len(data) - len(self._head) + self._skipped)
            data += self._file.read(size - len(data))
        self._position += len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer`, and return the number of bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def mend(path: Path) -> MendedFile | None:
    """Return `path` with the length that it really has; None if its header states a length."""
    with open(path, "rb") as handle:
        head = handle.read(16)
        size = os.fstat(handle.fileno()).st_size
        form, kind = head[:4], head[8:12]
        if form in (b"RIFF", b"RF64", b"RIFX") and kind == b"WAVE":
            patch = _mended_wav(handle, form, size)
        elif form == b"FORM" and kind in (b"AIFF", b"AIFC"):
            patch = _mended_aiff(handle, size)
        elif form == b".snd" and head[8:12] == bytes(4):
            patch = head[:8] + struct.pack(">I", UNKNOWN_32), 12
        elif form == b"caff":
            patch = _mended_caf(handle, size)
        else:
            patch = None
    return MendedFile(path, *patch) if patch else None


def _mended_wav(handle: io.BufferedIOBase, form: bytes, size: int) -> tuple[bytes, int] | None:
    """Return a header with the real length, and the length of the old one."""
    big = form == b"RIFX"
    chunks = read_chunks(handle, big)
    data = next((chunk for chunk in chunks if chunk.name == b"data"), None)
    if data is None or data.start >= size or data.start > LONGEST_HEADER:
        return None
    if form == b"RF64":
        ds64 = next((chunk for chunk in chunks if chunk.name == b"ds64"), None)
        handle.seek(ds64.start + 8 if ds64 else 0)
        stated = struct.unpack("<Q", handle.read(8))[0] if ds64 else 0
        if 0 < stated <= size - data.start:
            return None
    elif data.size not in (0, UNKNOWN_32) and not _wrapped(data.size, size - data.start):
        return None
    elif data.size == 0 and _are_chunks(chunks[chunks.index(data) + 1 :], size):
        return None  # the file is whole and holds no samples
    return _wav_head(handle, chunks, data, size, big), data.start


def _are_chunks(chunks: list[Chunk], size: int) -> bool:
    """Return whether these are real chunks, not samples taken for some."""
    return bool(chunks) and all(
        chunk.name.decode("latin-1").isprintable()
        and chunk.name.isascii()
        and chunk.start + chunk.size <= size
        for chunk in chunks
    )


def _wrapped(stated: int, real: int) -> bool:
    """Return whether a size was counted in 32 bits only, as some recorders do above 4 GiB."""
    return real > UNKNOWN_32 and (real - stated) % (1 << 32) < 1 << 16


def _wav_head(
    handle: io.BufferedIOBase, chunks: list[Chunk], data: Chunk, size: int, big: bool
) -> bytes:
    """Return the header up to the samples: RIFF or, above 4 GiB, RF64."""
    order, real = ">" if big else "<", size - data.start
    kept = b""
    for chunk in chunks[: chunks.index(data)]:
        if chunk.name not in (b"ds64", b"fact"):
            handle.seek(chunk.start)
            body = handle.read(chunk.size + chunk.size % 2)
            kept += struct.pack(order + "4sI", chunk.name, chunk.size) + body
    total = 4 + len(kept) + 8 + real
    if total < UNKNOWN_32 - 64:
        form = b"RIFX" if big else b"RIFF"
        start = struct.pack(order + "4sI4s", form, total, b"WAVE")
        return start + kept + struct.pack(order + "4sI", b"data", real)
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, total + 36, real, 0, 0)
    start = struct.pack("<4sI4s", b"RF64", UNKNOWN_32, b"WAVE") + sizes
    return start + kept + struct.pack("<4sI", b"data", UNKNOWN_32)


def _mended_aiff(handle: io.BufferedIOBase, size: int) -> tuple[bytes, int] | None:
    """Return the header of an AIFF file whose number of frames is 0 though samples follow."""
    chunks = {chunk.name: chunk for chunk in reversed(read_chunks(handle, big_endian=True))}
    common, sound = chunks.get(b"COMM"), chunks.get(b"SSND")
    if not common or not sound or common.start > sound.start or sound.start > LONGEST_HEADER:
        return None
    handle.seek(0)
    head = bytearray(handle.read(sound.start))
    channels, frames, bits = struct.unpack(">hIh", head[common.start : common.start + 8])
    real = size - sound.start
    frame = channels * (bits + 7) // 8
    if frames or real <= 8 or frame <= 0:
        return None
    struct.pack_into(">I", head, 4, min(size - 8, UNKNOWN_32))
    struct.pack_into(">I", head, common.start + 2, (real - 8) // frame)
    struct.pack_into(">I", head, sound.start - 4, min(real, UNKNOWN_32))
    return bytes(head), sound.start


def _mended_caf(handle: io.BufferedIOBase, size: int) -> tuple[bytes, int] | None:
    """Return the header of a CAF file whose data chunk is empty; -1 means up to the end."""
    position = 8
    while position + 12 <= min(size, LONGEST_HEADER):
        handle.seek(position)
        name, length = struct.unpack(">4sq", handle.read(12))
        if name == b"data":
            if length != 0 or size <= position + 16:
                return None
            handle.seek(0)
            return handle.read(position + 4) + struct.pack(">Q", UNKNOWN_64), position + 12
        if length < 0:
            return None
        position += 12 + length
    return None
