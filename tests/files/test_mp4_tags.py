"""Tags in files that FFmpeg writes: of iTunes, of telephones, and those that a muxer leaves out."""

from __future__ import annotations

import struct

import pytest
import soundfile as sf

from rtdenoise.files import open_reader, open_writer
from tests.command import noise
from tests.files.copying import FRAMES, RATE, copy


def test_tags_that_a_muxer_leaves_out_are_named(tmp_path):
    av = pytest.importorskip("av")
    source = tmp_path / "in.mka"
    sf.write(tmp_path / "in.wav", noise(FRAMES), RATE)
    with open_reader(tmp_path / "in.wav") as like, open_writer(source, like) as writer:
        writer._out.metadata.update({"title": "A take", "mood": "calm", "scene": "3"})
        writer.write(noise(FRAMES))
    told = copy(source, tmp_path / "out.m4a")
    assert len(told) == 1 and told[0].lower().partition("not kept: ")[2] in (
        "mood, scene",
        "scene, mood",
    )
    with av.open(str(tmp_path / "out.m4a")) as after:
        assert after.metadata["title"] == "A take"
    assert not copy(source, tmp_path / "out.mka")


def test_the_place_and_model_of_a_telephone(tmp_path):
    av = pytest.importorskip("av")
    source, target = tmp_path / "in.mov", tmp_path / "out.mov"
    place = {"com.apple.quicktime.location.ISO6709": "+52.5+013.4/"}
    with av.open(str(source), "w", container_options={"movflags": "use_metadata_tags"}) as out:
        out.metadata.update(place)
        stream = out.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(noise(FRAMES).T.copy(), "fltp", "mono")
        frame.sample_rate = RATE
        out.mux([*stream.encode(frame), *stream.encode(None)])
    assert not copy(source, target)
    with av.open(str(target)) as after:
        assert place.items() <= after.metadata.items()


def test_itunes_tags(tmp_path):
    """FFmpeg writes neither free-form tags nor the tempo."""
    av = pytest.importorskip("av")

    def box(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 8 + len(body)) + name + body

    def free(name: bytes, text: bytes) -> bytes:
        mean = box(b"mean", bytes(4) + b"com.apple.iTunes")
        data = box(b"data", struct.pack(">II", 1, 0) + text)
        return box(b"----", mean + box(b"name", bytes(4) + name) + data)

    source, target = tmp_path / "in.m4a", tmp_path / "out.m4a"
    sf.write(tmp_path / "in.wav", noise(FRAMES), RATE)
    copy(tmp_path / "in.wav", source)
    tempo = box(b"tmpo", box(b"data", struct.pack(">IIH", 21, 0, 120)))
    kept = [free(b"MusicBrainz Track Id", b"a-1"), tempo, free(b"mood", b"calm")]
    left = [free(b"replaygain_track_gain", b"-3 dB"), free(b"iTunSMPB", b" 0 840")]
    data = source.read_bytes()
    items = b"".join(kept + left)
    for name in (b"moov", b"udta", b"meta", b"ilst"):
        place = data.index(name) - 4
        size = struct.unpack_from(">I", data, place)[0] + len(items)
        data = data[:place] + struct.pack(">I", size) + data[place + 4 :]
    assert data.index(b"ilst") - 4 + struct.unpack_from(">I", data, data.index(b"ilst") - 4)[0] == (
        len(data) + len(items)
    )
    source.write_bytes(data + items)
    assert not copy(source, target)
    after = target.read_bytes()
    assert all(item in after for item in kept) and not any(item in after for item in left)
    with av.open(str(target)) as container:
        assert container.metadata["mood"] == "calm"
        frames = sum(frame.samples for frame in container.decode(audio=0))
    assert FRAMES <= frames < FRAMES + 2048
