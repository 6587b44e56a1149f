"""APE tags, chunks of CAF, and the annotation of AU files."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import soundfile as sf

from tests.command import noise
from tests.files.copying import FRAMES, RATE, copy


def test_ape_tags(tmp_path):
    """They stand at the end, before ID3v1; ReplayGain is left out."""

    def item(name: bytes, value: bytes) -> bytes:
        return struct.pack("<II", len(value), 0) + name + b"\0" + value

    items = [item(b"Artist", b"Bob"), item(b"REPLAYGAIN_TRACK_GAIN", b"-3 dB"), item(b"x", b"y")]
    body = b"".join(items)
    ends = [
        b"APETAGEX" + struct.pack("<IIIIQ", 2000, len(body) + 32, 3, flags, 0)
        for flags in (0xA0000000, 0x80000000)
    ]
    id3v1 = b"TAG" + b"A take".ljust(125, b"\0")
    source, target = tmp_path / "in.mp3", tmp_path / "out.mp3"
    sf.write(source, noise(FRAMES), RATE)
    for last in (id3v1, b""):
        sound = source.read_bytes()
        source.write_bytes(sound + ends[0] + body + ends[1] + last)
        assert not copy(source, target)
        kept = items[0] + items[2]
        after = target.read_bytes().removesuffix(last)
        foot = b"APETAGEX" + struct.pack("<IIIIQ", 2000, len(kept) + 32, 2, 0x80000000, 0)
        assert after.endswith(kept + foot) and after.count(b"APETAGEX") == 2
        assert after.count(b"TAG" + b"A take") == 0 and sf.info(target).frames == FRAMES
        source.write_bytes(sound)


def test_caf_chunks(tmp_path):
    source, target = tmp_path / "in.caf", tmp_path / "out.caf"
    sf.write(source, noise(FRAMES), RATE, "PCM_24")
    info = struct.pack(">I", 2) + b"title\0A take\0mood\0calm\0"
    chunks = [(b"info", info), (b"uuid", bytes(range(40))), (b"mark", bytes(8))]
    extra = b"".join(name + struct.pack(">q", len(body)) + body for name, body in chunks)
    source.write_bytes(source.read_bytes() + extra)
    assert not copy(source, target)
    after = target.read_bytes()
    assert after.endswith(extra) and after.count(b"info") == 1
    np.testing.assert_array_equal(sf.read(target)[0], sf.read(source)[0])
    assert len(sf.read(target)[0]) == FRAMES


@pytest.mark.parametrize("endian", ["BIG", "LITTLE"])
def test_the_annotation_of_au(tmp_path, endian):
    source, target = tmp_path / "in.au", tmp_path / "out.au"
    sf.write(source, noise(FRAMES), RATE, endian=endian)
    data, text = source.read_bytes(), b"What was recorded, where and when".ljust(40, b"\0")
    order = ">" if endian == "BIG" else "<"
    start = struct.pack(order + "I", 24 + len(text))
    source.write_bytes(data[:4] + start + data[8:24] + text + data[24:])
    assert not copy(source, target)
    assert target.read_bytes()[24:64] == text
    np.testing.assert_array_equal(sf.read(target)[0], sf.read(source)[0])
