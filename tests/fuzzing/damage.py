"""Seeded damage to the bytes of a file: what transfers, disks, recorders and attackers do."""

from __future__ import annotations

import random
import struct

HEADER = 600  # bytes at the beginning that hold most of what a parser reads
NUMBERS = (0, 1, 2, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NAMES = (b"fmt ", b"data", b"fact", b"LIST", b"bext", b"ds64", b"COMM", b"SSND", b"desc", b"pakt")
NAMES += (b"fLaC", b"OggS", b"vorbis", b"OpusHead", b"OpusTags", b"ID3", b"Xing", b"Info", b".snd")
NAMES += (b"ftyp", b"moov", b"mdat", b"trak", b"stsz", b"stco", b"stts", b"stsc", b"mdhd", b"mvhd")
NAMES += (b"mp4a", b"avc1", b"elst", b"udta", b"\x1aE\xdf\xa3", b"\x16T\xaek", b"\x1fC\xb6u")
NAMES += (b"avih", b"strh", b"strf", b"movi", b"idx1", b"\x47\x40\x00", b"riff", b"caff", b"free")


def damage(data: bytes, others: list[bytes], generator: random.Random) -> tuple[bytes, str]:
    """Return `data` with one to three kinds of damage, and their names."""
    names = []
    for _ in range(generator.choice((1, 1, 1, 2, 3))):
        kind = generator.choice(KINDS)
        data = kind(data, generator)
        names.append(kind.__name__)
    if generator.random() < 0.02:
        data, names = data + generator.choice(others), [*names, "another file behind it"]
    return data, ", ".join(names)


def _place(data: bytes, generator: random.Random) -> int:
    """Return a position, every second time in the header."""
    end = len(data) if generator.random() < 0.5 else min(HEADER, len(data))
    return generator.randrange(max(1, end))


def cut_off(data: bytes, generator: random.Random) -> bytes:
    return data[: _place(data, generator)]


def flipped_bits(data: bytes, generator: random.Random) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(generator.choice((1, 2, 8, 64))):
        changed[_place(changed, generator)] ^= 1 << generator.randrange(8)
    return bytes(changed)


def other_bytes(data: bytes, generator: random.Random) -> bytes:
    start, count = _place(data, generator), generator.choice((1, 4, 16, 200))
    new = generator.choice((generator.randbytes(count), bytes(count), b"\xff" * count))
    return data[:start] + new + data[start + count :]


def another_number(data: bytes, generator: random.Random) -> bytes:
    """Overwrite a field somewhere by a number at the edge of its range."""
    return _with_number(data, _place(data, generator), generator)


def another_size(data: bytes, generator: random.Random) -> bytes:
    """Overwrite a size or a count that stands beside the name of a chunk."""
    found = [start for name in NAMES if (start := data.find(name)) >= 0]
    start = generator.choice(found) if found else 0
    return _with_number(data, max(0, start + generator.choice((-4, 4, 8, 12, 16, 20))), generator)


def _with_number(data: bytes, start: int, generator: random.Random) -> bytes:
    form = generator.choice(("<B", "<H", ">H", "<I", ">I", "<Q", ">Q", "<f", "<d", ">d"))
    number = generator.choice((*NUMBERS, len(data), len(data) - 1, generator.getrandbits(32)))
    width = struct.calcsize(form)
    if form[1] in "fd":
        new = struct.pack(form, generator.choice((0.0, -1.0, 1e30, float("nan"), float("inf"))))
    else:
        new = struct.pack(form, number % (1 << 8 * width))
    return data[:start] + new + data[start + width :]


def inserted(data: bytes, generator: random.Random) -> bytes:
    start = _place(data, generator)
    return data[:start] + generator.randbytes(generator.choice((1, 2, 100, 5000))) + data[start:]


def removed(data: bytes, generator: random.Random) -> bytes:
    start = _place(data, generator)
    return data[:start] + data[start + generator.choice((1, 2, 100, 2000)) :]


def repeated(data: bytes, generator: random.Random) -> bytes:
    start, count = _place(data, generator), generator.choice((4, 64, 1000))
    return data[: start + count] + data[start : start + count] * 3 + data[start + count :]


def swapped(data: bytes, generator: random.Random) -> bytes:
    first, second = sorted((_place(data, generator), _place(data, generator)))
    middle = (first + second) // 2
    return data[:first] + data[middle:second] + data[first:middle] + data[second:]


def something_before(data: bytes, generator: random.Random) -> bytes:
    """Put a tag, zeros or noise before the file."""
    tag = b"ID3\4\0\0" + generator.randbytes(4) + generator.randbytes(40)
    return generator.choice((tag, bytes(512), generator.randbytes(3), b"\xef\xbb\xbf")) + data


def something_behind(data: bytes, generator: random.Random) -> bytes:
    tag = b"TAG" + generator.randbytes(125)
    ape = b"APETAGEX" + generator.randbytes(24)
    return data + generator.choice((tag, ape, bytes(4096), generator.randbytes(999)))


KINDS = (
    cut_off,
    flipped_bits,
    flipped_bits,
    other_bytes,
    another_number,
    another_size,
    another_size,
    inserted,
    removed,
    repeated,
    swapped,
    something_before,
    something_behind,
)
