"""Files whose header is wrong: without a length, as a killed recorder leaves it, for example."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import Any

from .riff_chunks import UNKNOWN_32, caf_chunks, read_chunks, w64_chunks
from .wav_header import LONGEST_HEADER, NO_LENGTH, mended_wav

UNKNOWN_64 = 0xFFFFFFFFFFFFFFFF


class MendedFile(io.RawIOBase):
    """A file whose first `skipped` bytes are replaced by `head`.

    `problem` tells what is wrong with it, for a warning; "" if that need not be told.
    """

    def __init__(
        self, path: Path, head: bytes, skipped: int, problem: str = NO_LENGTH, end: int = 0
    ) -> None:
        """Open for reading, up to the byte `end` of the file (0: all)."""
        self.problem = problem
        self._file = open(path, "rb")
        self._head, self._skipped, self._position = head, skipped, 0
        self._size = (end or os.fstat(self._file.fileno()).st_size) - skipped + len(head)

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
    """Return `path` with a header that libsndfile reads; None if it has one."""
    with open(path, "rb") as handle:
        head = handle.read(16)
        size = os.fstat(handle.fileno()).st_size
        form, kind = head[:4], head[8:12]
        if form in (b"RIFF", b"RF64", b"RIFX") and kind == b"WAVE":
            patch: Any = mended_wav(handle, form, size)
        elif form == b"FORM" and kind in (b"AIFF", b"AIFC"):
            patch = _mended_aiff(handle, size)
        elif form == b".snd" and head[8:12] == bytes(4):
            patch = head[:8] + struct.pack(">I", UNKNOWN_32), 12
        elif form == b"caff":
            patch = _mended_caf(handle, size)
        elif form == b"riff":
            patch = _shortened_w64(handle, size)
        else:
            patch = None
    return MendedFile(path, *patch) if patch else None


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


def _shortened_w64(handle: io.BufferedIOBase, size: int) -> tuple[bytes, int, str, int] | None:
    """Return where the samples of a W64 file end if chunks follow, which libsndfile would play."""
    for chunk in w64_chunks(handle):
        if chunk.start > LONGEST_HEADER:
            return None
        if chunk.name == b"data":
            end = chunk.start + chunk.size
            return (b"", 0, "", end) if chunk.size and end + 8 <= size else None
    return None


def _mended_caf(handle: io.BufferedIOBase, size: int) -> tuple[bytes, int] | None:
    """Return the header of a CAF file whose data chunk is empty; -1 means up to the end."""
    for chunk in caf_chunks(handle):
        if chunk.start > LONGEST_HEADER:
            return None
        if chunk.name == b"data":
            if chunk.size or size <= chunk.start + 4:
                return None
            handle.seek(0)
            return handle.read(chunk.start - 8) + struct.pack(">Q", UNKNOWN_64), chunk.start
    return None
