"""WAV headers that libsndfile cannot read, or reads wrongly, and what they should have been.

- No length of the samples, or too small a one, as a recorder leaves it that was killed.
- A chunk of odd size without padding before the samples.
- Samples of 24 bits in four bytes, which libsndfile takes for three.
"""

from __future__ import annotations

import io
import itertools
import struct
from pathlib import Path
from typing import NamedTuple

from .riff_chunks import UNKNOWN_32, Chunk, is_name, read_chunks

LONGEST_HEADER = 16 << 20  # bytes that are searched for the beginning of the samples
NO_LENGTH = "states no length, as if its recorder had been stopped"
GOES_ON = "goes on after the length that it states, as if its recorder had been stopped"
LONGEST_TAIL = 0.1  # s; what follows the samples and is no chunk is taken for samples from here on
PROBE = 1 << 16  # bytes
TAGS = (b"TAG", b"ID3", b"APE", b"LYR")  # what follows the last chunk in some files
PCM, EXTENSIBLE = 1, 0xFFFE


class _Format(NamedTuple):
    """The beginning of a fmt chunk."""

    tag: int
    channels: int
    bytes_per_second: int
    frame: int  # bytes
    bits: int


def mended_wav(handle: io.BufferedIOBase, form: bytes, size: int) -> tuple[bytes, int, str] | None:
    """Return a right header, the length of the old one, and what was wrong ("": nothing to tell).

    Returns None for a header that needs no mending. `form` is RIFF, RIFX or RF64.
    """
    order = ">" if form == b"RIFX" else "<"
    chunks = read_chunks(handle, order == ">")
    data = next((chunk for chunk in chunks if chunk.name == b"data"), None)
    if data is None or data.start >= size or data.start > LONGEST_HEADER:
        return None
    real, problem = size - data.start, _problem(handle, form, chunks, data, size)
    before = chunks[: chunks.index(data)]
    wide = _is_wide(handle, order, before, data)
    if not problem:
        if not wide and not _lacks_padding(before, data):
            return None
        real = min(real, data.size)
    return _head(handle, before, real, order, wide), data.start, problem


def _problem(
    handle: io.BufferedIOBase, form: bytes, chunks: list[Chunk], data: Chunk, size: int
) -> str:
    """Return what is wrong with the stated length of the samples, or "" if it is right."""
    real, after = size - data.start, chunks[chunks.index(data) + 1 :]
    stated = data.size
    if form == b"RF64":
        ds64 = next((chunk for chunk in chunks if chunk.name == b"ds64"), None)
        handle.seek(ds64.start + 8 if ds64 else 0)
        stated = struct.unpack("<Q", handle.read(8))[0] if ds64 else 0
        if not 0 < stated <= real:
            return NO_LENGTH
    elif stated == UNKNOWN_32 or _wrapped(stated, real):
        return NO_LENGTH
    elif stated == 0:  # if chunks follow, the file is whole and holds no samples
        return "" if _are_chunks(after, size) else NO_LENGTH
    return GOES_ON if _goes_on(handle, chunks, data.start + stated, size, form) else ""


def _goes_on(
    handle: io.BufferedIOBase, chunks: list[Chunk], end: int, size: int, form: bytes
) -> bool:
    """Return whether samples follow the stated `end` of the samples, not chunks or padding."""
    wave = _read_format(handle, ">" if form == b"RIFX" else "<", chunks)
    if wave is None or size - end < max(PROBE // 64, LONGEST_TAIL * wave.bytes_per_second):
        return False
    handle.seek(end)
    tail = handle.read(PROBE)
    names = tail[:4], tail[1:5]
    return bool(tail.strip(b"\0")) and tail[:3] not in TAGS and not any(map(is_name, names))


def _are_chunks(chunks: list[Chunk], size: int) -> bool:
    """Return whether these are real chunks, not samples taken for some."""
    return bool(chunks) and all(
        is_name(chunk.name) and chunk.start + chunk.size <= size for chunk in chunks
    )


def _wrapped(stated: int, real: int) -> bool:
    """Return whether a size was counted in 32 bits only, as some recorders do above 4 GiB."""
    return real > UNKNOWN_32 and (real - stated) % (1 << 32) < 1 << 16


def _lacks_padding(before: list[Chunk], data: Chunk) -> bool:
    """Return whether a chunk of odd size is followed at once by the next one."""
    pairs = itertools.pairwise([*before, data])
    return any(one.size % 2 and one.start + one.size == two.start - 8 for one, two in pairs)


def _read_format(handle: io.BufferedIOBase, order: str, chunks: list[Chunk]) -> _Format | None:
    chunk = next((c for c in chunks if c.name == b"fmt " and c.size >= 16), None)
    if chunk is None:
        return None
    handle.seek(chunk.start)
    tag, channels, _, speed, frame, bits = struct.unpack(order + "HHIIHH", handle.read(16))
    return _Format(tag, channels, speed, frame, bits)


def _is_wide(handle: io.BufferedIOBase, order: str, before: list[Chunk], data: Chunk) -> bool:
    """Return whether the samples are 24-bit integers in the upper part of four bytes.

    Raises OSError if they are floating-point numbers of Cool Edit, which has the same header but
    uses all four bytes: FFmpeg reads those.
    """
    wave = _read_format(handle, order, before)
    if wave is None or wave[:1] + wave[3:] != (PCM, 4 * wave.channels, 24) or not wave.channels:
        return False
    handle.seek(data.start)
    samples = handle.read(min(PROBE, data.size) // 4 * 4)
    if samples[0 if order == "<" else 3 :: 4].strip(b"\0"):
        raise OSError("24-bit floating-point samples")
    return True


def _head(
    handle: io.BufferedIOBase, before: list[Chunk], real: int, order: str, wide: bool
) -> bytes:
    """Return the header up to the samples, of `real` bytes: RIFF or, above 4 GiB, RF64."""
    kept = b""
    for chunk in before:
        if chunk.name in (b"ds64", b"fact"):
            continue
        handle.seek(chunk.start)
        body = handle.read(chunk.size)
        if wide and chunk.name == b"fmt ":
            body = body[:14] + struct.pack(order + "H", 32) + body[16:]
        kept += struct.pack(order + "4sI", chunk.name, chunk.size) + body + b"\0" * (len(body) % 2)
    total = 4 + len(kept) + 8 + real
    if total < UNKNOWN_32 - 64:
        form = b"RIFX" if order == ">" else b"RIFF"
        start = struct.pack(order + "4sI4s", form, total, b"WAVE")
        return start + kept + struct.pack(order + "4sI", b"data", real)
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, total + 36, real, 0, 0)
    start = struct.pack("<4sI4s", b"RF64", UNKNOWN_32, b"WAVE") + sizes
    return start + kept + struct.pack("<4sI", b"data", UNKNOWN_32)


def wav_is_cut_off(path: Path) -> bool:
    """Return whether a WAV file is shorter than its header says. libsndfile does not report it."""
    with open(path, "rb") as handle:
        head = handle.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return False
    declared = struct.unpack("<I", head[4:8])[0] + 8
    return declared - 8 < 0xFFFFFFF0 and declared > path.stat().st_size + 1
