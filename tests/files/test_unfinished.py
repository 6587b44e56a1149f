"""Headers without a length, as a killed recorder leaves them: the sound that is there is read."""

from __future__ import annotations

import os
import struct
import warnings

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.files import open_reader, open_writer
from tests.command import noise, only

RATE, FRAMES = 48_000, 9600
UNKNOWN = 0xFFFFFFFF


def read(path) -> tuple[np.ndarray, list[str]]:
    with warnings.catch_warnings(record=True) as caught, open_reader(path) as reader:
        warnings.simplefilter("always")
        sound = np.concatenate(list(reader.blocks(4096)))
    return sound, [str(warning.message) for warning in caught]


def write(path, container="WAV", subtype="PCM_16", channels=2, **sizes) -> bytearray:
    """Write a file, and return its bytes with `riff` and `data` as the sizes in its header."""
    sf.write(path, noise(FRAMES, channels), RATE, subtype, format=container)
    data = bytearray(path.read_bytes())
    if "riff" in sizes:
        struct.pack_into("<I", data, 4, sizes["riff"])
    if "data" in sizes:
        struct.pack_into("<I", data, data.index(b"data") + 4, sizes["data"])
    return data


@pytest.mark.parametrize("riff", [0, 8, 36, UNKNOWN])
@pytest.mark.parametrize("size", [0, UNKNOWN])
@pytest.mark.parametrize("container, subtype", [("WAV", "PCM_24"), ("WAVEX", "FLOAT")])
def test_a_wav_of_a_killed_recorder(tmp_path, riff, size, container, subtype):
    path = tmp_path / "take.wav"
    path.write_bytes(write(path, container, subtype, riff=riff, data=size))
    sound, told = read(path)
    assert np.allclose(sound, noise(FRAMES, 2), atol=1e-4)
    assert len(told) == 1 and "0.20 s" in told[0], told


@pytest.mark.parametrize("size", [FRAMES * 4 + 1000, 0x7FFFFFF0])
def test_a_size_larger_than_the_file(tmp_path, size):
    path = tmp_path / "take.wav"
    path.write_bytes(write(path, riff=size + 36, data=size))
    sound, told = read(path)
    assert len(sound) == FRAMES and len(told) == 1 and "cut off" in told[0]


@pytest.mark.parametrize("container", ["RF64", "AIFF", "AU", "CAF", "W64", "FLAC"])
def test_other_formats_of_a_killed_recorder(tmp_path, container):
    path = tmp_path / f"take.{container.lower()}"
    data = write(path, container)
    if container == "RF64":
        at = data.index(b"ds64") + 8
        data[at : at + 24] = bytes(24)
    elif container == "AIFF":
        for name, offset in ((b"FORM", 4), (b"COMM", 10), (b"SSND", 4)):
            at = data.index(name) + offset
            data[at : at + 4] = bytes(4)
    elif container == "AU":
        data[8:12] = bytes(4)
    elif container == "CAF":
        at = data.index(b"data") + 4
        data[at : at + 8] = bytes(8)
    elif container == "W64":
        at = data.index(b"data", 40) + 16
        data[at : at + 8] = bytes(8)
    else:  # FLAC: no number of samples in STREAMINFO, as after a pipe
        data[21] &= 0xF0
        data[22:26] = bytes(4)
    path.write_bytes(data)
    sound, told = read(path)
    whole = noise(FRAMES, 2)
    # libsndfile reports the end of such a FLAC file as an error: up to 255 frames (5 ms) are lost.
    missing = 255 if container == "FLAC" else 0
    assert len(whole) - missing <= len(sound) < len(whole) + 16 and len(told) <= 1
    both = min(len(sound), len(whole))
    assert np.allclose(sound[:both], whole[:both], atol=1e-4)


def test_an_empty_file_is_still_empty(tmp_path):
    """Nothing after the header, or only tags."""
    path = tmp_path / "empty.wav"
    with sf.SoundFile(path, "w", RATE, 1) as file:
        file.title = "A take"
    for tail in (b"", b"LIST\x04\x00\x00\x00INFO"):
        path.write_bytes(path.read_bytes() + tail)
        with pytest.raises(RtdenoiseError, match="no audio"):
            read(path)


def test_chunks_behind_the_samples_of_w64_are_no_sound(tmp_path):
    """libsndfile would play them."""
    path = tmp_path / "take.w64"
    sf.write(path, noise(FRAMES, 2), RATE, format="W64")
    tail = b"bext" + bytes.fromhex("f3acd3118cd100c04f8edb8a") + struct.pack("<Q", 632)
    data = path.read_bytes() + tail + b"\x7f" * 608
    path.write_bytes(data[:16] + struct.pack("<Q", len(data)) + data[24:])
    sound, told = read(path)
    np.testing.assert_allclose(sound, noise(FRAMES, 2), atol=1e-4)
    assert not told
    with open_reader(path) as reader, pytest.warns(UserWarning, match="not kept: bext"):
        open_writer(tmp_path / "out.w64", reader).__exit__(None, None, None)


def test_chunks_before_the_samples_are_kept(tmp_path):
    """A bext chunk in front, as broadcast recorders write it."""
    path = tmp_path / "take.wav"
    data = write(path, riff=0, data=0)
    path.write_bytes(data[:12] + b"bext" + struct.pack("<I", 7) + b"1234567\0" + data[12:])
    assert np.allclose(read(path)[0], noise(FRAMES, 2), atol=1e-4)


@pytest.mark.parametrize("stated", [0, UNKNOWN, (5 << 30) % (1 << 32)])
def test_more_than_4_gib(tmp_path, stated):
    """Sizes have 32 bits; the file is sparse, so it takes no room."""
    path = tmp_path / "long.wav"
    data = write(path, data=stated)[:44]
    with open(path, "wb") as file:
        file.write(data)
        file.truncate(44 + (5 << 30))
    with open_reader(path) as reader:
        assert reader.frames == (5 << 30) // 4
        reader.skip(reader.frames - 10)
        assert sum(map(len, reader.blocks(100))) == 10
    os.truncate(path, 0)


def test_it_is_denoised_with_one_line(tmp_path, toy_stream_model):
    path = tmp_path / "take.wav"
    path.write_bytes(write(path, riff=0, data=0))
    with pytest.warns(UserWarning, match="states no length") as caught:
        Denoiser(toy_stream_model).file(path, tmp_path / "out.wav")
    assert len(caught) == 1 and sf.info(tmp_path / "out.wav").frames == FRAMES
    only(tmp_path, "take.wav", "out.wav")
