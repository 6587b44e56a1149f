"""WAV headers that libsndfile cannot read, or reads wrongly."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise.files import open_reader, open_writer
from tests.command import noise, only

RATE, FRAMES = 48_000, 9600


def chunk(name: bytes, body: bytes, pad: bool = True) -> bytes:
    data = name + struct.pack("<I", len(body)) + body
    return data + b"\0" * (len(body) % 2 if pad else 0)


def fmt(bits: int = 16, frame: int = 2, tag: int = 1) -> bytes:
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, 1, RATE, RATE * frame, frame, bits))


def wav(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def samples() -> np.ndarray:
    return np.round(noise(FRAMES)[:, 0] * 32768).astype("<i2")


def read(path: Path) -> tuple[np.ndarray, list[str]]:
    with warnings.catch_warnings(record=True) as caught, open_reader(path) as reader:
        warnings.simplefilter("always")
        sound = np.concatenate(list(reader.blocks(4096)))
    return sound[:, 0] * 32768, [str(warning.message) for warning in caught]


def copy(source: Path, target: Path) -> None:
    with open_reader(source) as reader, open_writer(target, reader) as writer:
        for block in reader.blocks(4096):
            writer.write(block)


def test_a_chunk_of_odd_size_without_padding(tmp_path):
    path, odd = tmp_path / "in.wav", chunk(b"note", b"abc", pad=False)
    path.write_bytes(wav(fmt(), odd, chunk(b"data", samples().tobytes()), chunk(b"iXML", b"<x/>")))
    sound, told = read(path)
    np.testing.assert_array_equal(sound, samples())
    assert not told
    copy(path, tmp_path / "out.wav")
    data = (tmp_path / "out.wav").read_bytes()
    assert chunk(b"note", b"abc") in data and chunk(b"iXML", b"<x/>") in data


def rf64(stated: int) -> bytes:
    sizes = struct.pack("<QQQI", 72 + 2 * FRAMES, stated, stated // 2, 0)
    body = b"WAVE" + chunk(b"ds64", sizes) + fmt() + b"data" + struct.pack("<I", 0xFFFFFFFF)
    return b"RF64" + struct.pack("<I", 0xFFFFFFFF) + body + samples().tobytes()


@pytest.mark.parametrize("form", ["WAV", "RF64"])
def test_samples_after_the_stated_length_are_no_loss(tmp_path, form):
    """A recorder that states its length once a second and was killed."""
    path, stated = tmp_path / "in.wav", FRAMES
    data = wav(fmt(), chunk(b"data", samples().tobytes()[:stated])) + samples().tobytes()[stated:]
    path.write_bytes(data if form == "WAV" else rf64(stated))
    sound, told = read(path)
    np.testing.assert_array_equal(sound, samples())
    assert len(told) == 1 and "goes on after the length" in told[0] and "0.20 s" in told[0]


@pytest.mark.parametrize(
    "tail",
    [
        b"xyz",
        b"TAG" + bytes(20_000),
        bytes(20_000),
        chunk(b"LIST", b"\x80" * 20_000),
        b"\x80" * 900,
    ],
    ids=["bytes", "ID3v1", "zeros", "chunk", "few"],
)
def test_what_follows_and_is_no_sound_is_left_out(tmp_path, tail):
    path = tmp_path / "in.wav"
    path.write_bytes(wav(fmt(), chunk(b"data", samples().tobytes())) + tail)
    sound, told = read(path)
    assert len(sound) == FRAMES and not told


def test_24_bits_in_four_bytes(tmp_path):
    path = tmp_path / "in.wav"
    path.write_bytes(wav(fmt(24, 4), chunk(b"data", (samples().astype("<i4") << 16).tobytes())))
    sound, told = read(path)
    np.testing.assert_array_equal(sound, samples())
    assert not told


def test_24_bit_floating_point_of_cool_edit(tmp_path):
    pytest.importorskip("av")
    path = tmp_path / "in.wav"
    values = (noise(FRAMES)[:, 0] * (1 << 23)).astype("<f4")
    path.write_bytes(wav(fmt(24, 4), chunk(b"data", values.tobytes())))
    np.testing.assert_allclose(read(path)[0], noise(FRAMES)[:, 0] * 32768, atol=1e-2)


def test_mp3_within_wav_is_whole(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "in.wav"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libmp3lame", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(noise(FRAMES).T.copy(), "fltp", "mono")
        frame.sample_rate = RATE
        out.mux([*stream.encode(frame), *stream.encode(None)])
    assert sf.info(path).subtype == "MPEG_LAYER_III"
    sound, told = read(path)
    assert len(sound) >= FRAMES and not told


@pytest.mark.parametrize("mask", [0x60F, 0x137, 0])
def test_the_places_of_the_loudspeakers_stay(tmp_path, mask):
    path, target = tmp_path / "in.wav", tmp_path / "out.wav"
    sf.write(path, noise(100, 6), RATE, "PCM_16", format="WAVEX")
    data = path.read_bytes()
    path.write_bytes(data[:40] + struct.pack("<I", mask) + data[44:])
    copy(path, target)
    assert struct.unpack_from("<I", target.read_bytes(), 40)[0] == mask
    assert sf.read(target)[0].shape == (100, 6)


def test_an_empty_list_is_left_out(tmp_path):
    """FFmpeg refuses files with one."""
    path, target = tmp_path / "in.wav", tmp_path / "out.wav"
    data = chunk(b"data", samples().tobytes())
    path.write_bytes(wav(fmt(), chunk(b"LIST", b""), data, chunk(b"LIST", b"INFO")))
    copy(path, target)
    assert target.read_bytes().count(b"LIST") == 1
    only(tmp_path, "in.wav", "out.wav")


def test_tags_stay_where_ffmpeg_reads_the_file(tmp_path):
    """libsndfile does not find the samples behind this LIST, whose end is odd."""
    pytest.importorskip("av")
    path, target = tmp_path / "in.wav", tmp_path / "out.wav"
    tags = chunk(b"LIST", b"INFOINAM\x03\0\0\0abc\0x")
    path.write_bytes(wav(fmt(), tags, chunk(b"data", samples().tobytes())))
    copy(path, target)
    assert tags in target.read_bytes()
    np.testing.assert_array_equal(read(target)[0], samples())
