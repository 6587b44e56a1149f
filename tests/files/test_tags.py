"""Tags of audio files stay, byte for byte where the format stays."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser
from rtdenoise.files import TimeRange
from rtdenoise.files.audio_reader import AudioReader
from rtdenoise.files.audio_writer import AudioWriter
from rtdenoise.files.riff_tags import read_tag_chunks
from rtdenoise.files.tags import lost_names
from tests.command import noise, only
from tests.files.copying import FRAMES, RATE, copy


def chunk(name: bytes, body: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "4sI", name, len(body)) + body + b"\0" * (len(body) % 2)


def add_chunks(path: Path, chunks: list[tuple[bytes, bytes]], order: str = "<") -> None:
    data = path.read_bytes() + b"".join(chunk(*item, order) for item in chunks)
    path.write_bytes(data[:4] + struct.pack(order + "I", len(data) - 8) + data[8:])


BEXT = bytes(346) + struct.pack("<H", 2) + bytes(64) + b"\x01\x02" * 5 + bytes(180)
CHUNKS = [
    (b"bext", BEXT),
    (b"iXML", b"<BWFXML><SCENE>3</SCENE></BWFXML>"),
    (b"cue ", struct.pack("<I6I", 1, 1, 4800, 0x61746164, 0, 0, 4800)),
    (b"LIST", b"INFO" + chunk(b"INAM", b"A take\0") + chunk(b"IENG", b"Someone\0")),
    (b"id3 ", b"ID3\x03\0\0\0\0\0\0"),
]


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_riff_chunks(tmp_path, toy_stream_model, container):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    sf.write(source, noise(FRAMES), RATE, "PCM_24", format=container)
    if container == "RF64":
        data = source.read_bytes() + b"".join(chunk(*item) for item in CHUNKS)
        source.write_bytes(data[:20] + struct.pack("<Q", len(data) - 8) + data[28:])
    else:
        add_chunks(source, CHUNKS)
    Denoiser(toy_stream_model).file(source, target)
    kept = dict(read_tag_chunks(target))
    assert [name for name, _ in read_tag_chunks(target)] == [name for name, _ in CHUNKS]
    for name, body in CHUNKS[1:]:
        assert kept[name] == body
    assert kept[b"bext"][412:422] == b"\xff\x7f" * 5  # loudness: unset, for it has changed
    assert kept[b"bext"][:412] == BEXT[:412]
    assert sf.info(target).frames == FRAMES
    # libsndfile reads no LIST after the samples of RF64
    assert container == "RF64" or sf.SoundFile(target).title == "A take"
    data = target.read_bytes()
    size = (
        struct.unpack_from("<Q", data, 20)
        if container == "RF64"
        else struct.unpack("<I", data[4:8])
    )
    assert size[0] == len(data) - 8


def test_cue_points_of_a_part_are_left_out(tmp_path, toy_stream_model):
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    sf.write(source, noise(FRAMES), RATE)
    add_chunks(source, CHUNKS)
    Denoiser(toy_stream_model).file(source, target, time_range=TimeRange(0.1))
    assert [name for name, _ in read_tag_chunks(target)] == [b"bext", b"iXML", b"LIST", b"id3 "]


def test_aiff_chunks(tmp_path, toy_stream_model):
    source, target = tmp_path / "in.aiff", tmp_path / "out.aiff"
    sf.write(source, noise(FRAMES), RATE)
    chunks = [(b"NAME", b"A take"), (b"ANNO", b"Note"), (b"ID3 ", b"ID3\x03\0\0\0\0\0\0")]
    add_chunks(source, chunks, ">")
    Denoiser(toy_stream_model).file(source, target)
    assert read_tag_chunks(target) == chunks and sf.info(target).frames == FRAMES


def id3(*frames: tuple[bytes, bytes]) -> bytes:
    body = b"".join(struct.pack(">4sIH", name, len(data), 0) + data for name, data in frames)
    body += bytes(20)
    size = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + body


def test_id3_with_a_cover(tmp_path, toy_stream_model):
    source, target = tmp_path / "in.mp3", tmp_path / "out.mp3"
    sf.write(source, noise(FRAMES), RATE, "MPEG_LAYER_III", format="MP3")
    kept = [(b"TIT2", b"\0A take"), (b"APIC", b"\0image/jpeg\0\3\0" + bytes(range(200)))]
    kept += [(b"PRIV", b"owner\0\1\2"), (b"TXXX", b"\0MOOD\0calm")]
    gain = (b"TXXX", b"\0REPLAYGAIN_TRACK_GAIN\0-6.2 dB")
    v1 = b"TAG" + b"A take".ljust(125, b"\0")
    source.write_bytes(id3(*kept, gain) + source.read_bytes() + v1)
    Denoiser(toy_stream_model).file(source, target)
    data = target.read_bytes()
    for name, body in kept:
        assert struct.pack(">4sIH", name, len(body), 0) + body in data
    assert b"REPLAYGAIN" not in data and data[-128:] == v1
    assert data.count(b"ID3") == 1 and sf.info(target).frames == sf.info(source).frames


def test_flac_comments_and_pictures(tmp_path, toy_stream_model):
    source, target = tmp_path / "in.flac", tmp_path / "out.flac"
    sf.write(source, noise(FRAMES), RATE, "PCM_24")
    comments = [
        b"TITLE=A take",
        b"MOOD=calm",
        b"REPLAYGAIN_TRACK_GAIN=-6 dB",
        b"ARTIST=a",
        b"ARTIST=b",
    ]
    body = struct.pack("<I", 0) + struct.pack("<I", len(comments))
    body += b"".join(struct.pack("<I", len(text)) + text for text in comments)
    picture = struct.pack(">2I", 3, 9) + b"image/png" + bytes(20) + struct.pack(">I", 5) + b"image"
    data = source.read_bytes()
    blocks = bytes([4]) + len(body).to_bytes(3, "big") + body
    blocks += bytes([0x86]) + len(picture).to_bytes(3, "big") + picture
    first = data[4:42]  # STREAMINFO
    position = 4
    while not data[position] & 0x80:
        position += 4 + int.from_bytes(data[position + 1 : position + 4], "big")
    position += 4 + int.from_bytes(data[position + 1 : position + 4], "big")
    source.write_bytes(b"fLaC" + bytes([0]) + first[1:] + blocks + data[position:])
    whole, _ = sf.read(source)
    Denoiser(toy_stream_model, mix=0.0).file(source, target)
    after = target.read_bytes()
    assert all(text in after for text in (b"TITLE=A take", b"MOOD=calm", b"ARTIST=b", picture))
    assert b"REPLAYGAIN" not in after
    assert np.allclose(sf.read(target)[0], whole, atol=1e-6)
    only(tmp_path, "in.flac", "out.flac")


@pytest.mark.parametrize("target", ["out.flac", "out.m4a", "out.mp3"])
def test_what_another_format_cannot_hold_is_said_in_one_line(tmp_path, toy_stream_model, target):
    source = tmp_path / "in.wav"
    sf.write(source, noise(FRAMES), RATE)
    add_chunks(source, CHUNKS)
    with pytest.warns(UserWarning, match="not kept: bext, iXML, cue, id3") as caught:
        Denoiser(toy_stream_model).file(source, tmp_path / target)
    assert len(caught) == 1
    if target == "out.flac":
        assert sf.SoundFile(tmp_path / target).title == "A take"


def test_a_cover_that_is_lost_is_told(tmp_path, toy_stream_model):
    source = tmp_path / "in.mp3"
    sf.write(source, noise(FRAMES), RATE, "MPEG_LAYER_III", format="MP3")
    cover = (b"APIC", b"\0image/jpeg\0\3\0" + bytes(200))
    source.write_bytes(id3((b"TIT2", b"\0A take"), cover) + source.read_bytes())
    with pytest.warns(UserWarning, match="not kept: cover"):
        Denoiser(toy_stream_model).file(source, tmp_path / "out.wav")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_comments(tmp_path, toy_stream_model, subtype):
    """All comments, in any number; FFmpeg checks the checksums of the pages."""
    av = pytest.importorskip("av")
    plain, source, target = (tmp_path / f"{name}.ogg" for name in ("plain", "in", "out"))
    sf.write(plain, noise(FRAMES, 2), RATE, subtype, format="OGG")
    with av.open(str(plain)) as old, av.open(str(source), "w") as new:
        copy = new.add_stream_from_template(old.streams.audio[0], opaque=True)
        copy.metadata.update({"title": "A take", "mood": "calm", "REPLAYGAIN_TRACK_GAIN": "-6 dB"})
        copy.metadata["lyrics"] = "la " * 100_000  # several pages
        for packet in old.demux(audio=0):
            if packet.size:
                packet.stream = copy
                new.mux(packet)
    Denoiser(toy_stream_model).file(source, target)
    with av.open(str(target)) as after:
        tags = {key.lower(): value for key, value in after.streams.audio[0].metadata.items()}
        assert sum(frame.samples for frame in after.decode(audio=0)) >= FRAMES - 960
    assert tags["title"] == "A take" and tags["mood"] == "calm"
    assert tags["lyrics"] == "la " * 100_000 and "replaygain_track_gain" not in tags
    assert sf.info(target).frames == sf.info(source).frames
    assert sf.info(target).subtype == subtype


def test_tags_that_another_format_does_not_get_are_named(tmp_path):
    """One warning: TXXX:mood and so on; ReplayGain is left out on purpose and not named."""
    sound = noise(24_000)

    def id3(name: bytes, text: bytes) -> bytes:
        return name + struct.pack(">IH", len(text), 0) + text

    frames = id3(b"TIT2", b"\0A title") + id3(b"TXXX", b"\0mood\0calm") + id3(b"TBPM", b"\x0090")
    frames += id3(b"TXXX", b"\0REPLAYGAIN_TRACK_GAIN\0-3 dB")
    frames += id3(b"TXXX", b"\1" + "caf\u00e9\0x".encode("utf-16"))
    sf.write(tmp_path / "in.mp3", sound, 48_000)
    tag = b"ID3\3\0\0" + bytes((len(frames) >> s) & 127 for s in (21, 14, 7, 0)) + frames
    (tmp_path / "in.mp3").write_bytes(tag + (tmp_path / "in.mp3").read_bytes())
    sf.write(tmp_path / "in.flac", sound, 48_000)
    comments = b"".join(
        struct.pack("<I", len(c)) + c
        for c in (b"TITLE=A", b"mood=calm", b"CATALOG=7", b"REPLAYGAIN_TRACK_GAIN=-3 dB")
    )
    block = struct.pack("<I", 1) + b"x" + struct.pack("<I", 4) + comments
    data = (tmp_path / "in.flac").read_bytes()
    (tmp_path / "in.flac").write_bytes(
        data[:42] + b"\x04" + len(block).to_bytes(3, "big") + block + data[42:]
    )
    with AudioReader(tmp_path / "in.flac") as like, AudioWriter(tmp_path / "in.oga", like) as out:
        out.write(sound)  # it has no tags
    assert lost_names(tmp_path / "in.oga", "OGG") == []
    for source, target, words in (
        ("in.mp3", "out.wav", "not kept: TXXX:mood, TBPM, TXXX:caf\u00e9"),
        ("in.flac", "out.wav", "not kept: mood, CATALOG"),
    ):
        with AudioReader(tmp_path / source) as like:
            with pytest.warns(UserWarning) as told, AudioWriter(tmp_path / target, like) as out:
                out.write(sound)
        assert [str(w.message).partition(": ")[2] for w in told] == [words]


def test_id3v22(tmp_path):
    """The tags of old iTunes files; libsndfile reads none of them."""

    def frame(name: bytes, body: bytes) -> bytes:
        return name + len(body).to_bytes(3, "big") + body

    body = frame(b"TT2", b"\0A take") + frame(b"COM", b"\0eng\0Loud") + frame(b"TBP", b"\x0090")
    body += frame(b"TP1", b"\1" + "Zo\u00eb".encode("utf-16")) + frame(
        b"PIC", b"\0JPG\3\0" + bytes(99)
    )
    tag = b"ID3\2\0\0" + bytes((len(body) >> s) & 127 for s in (21, 14, 7, 0)) + body
    source = tmp_path / "in.mp3"
    sf.write(source, noise(FRAMES), RATE)
    source.write_bytes(tag + source.read_bytes())
    assert not copy(source, tmp_path / "out.mp3")
    assert (tmp_path / "out.mp3").read_bytes().startswith(tag)
    told = copy(source, tmp_path / "out.flac")
    assert len(told) == 1 and told[0].endswith("not kept: cover, TBP"), told
    with sf.SoundFile(tmp_path / "out.flac") as after:
        assert (after.title, after.artist, after.comment) == ("A take", "Zo\u00eb", "Loud")


def test_flac_in_ogg_becomes_vorbis_with_a_word_and_its_comments(tmp_path):
    av = pytest.importorskip("av")
    source, target = tmp_path / "in.oga", tmp_path / "out.oga"
    with av.open(str(source), "w", format="ogg") as out:
        stream = out.add_stream("flac", rate=RATE, layout="mono")
        stream.codec_context.format = "s16"
        stream.metadata.update({"title": "A take", "mood": "calm"})
        for start in range(0, FRAMES, 2400):  # at most 4608 in a block
            samples = (noise(FRAMES)[start : start + 2400].T * 32768).astype("i2")
            frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            frame.sample_rate, frame.pts = RATE, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    told = copy(source, target)
    assert len(told) == 1 and "its sound is vorbis" in told[0]
    with av.open(str(target)) as after:
        tags = {k.lower(): v for k, v in after.streams.audio[0].metadata.items()}
    assert tags["title"] == "A take" and tags["mood"] == "calm"
