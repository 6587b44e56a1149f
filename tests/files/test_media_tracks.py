"""Everything but the denoised track stays. The judge is Debian's ffprobe, not the code's PyAV."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.files import media_tracks
from rtdenoise.files.media_reader import major_version
from tests.command import only

av = pytest.importorskip("av")
if not shutil.which("ffmpeg"):
    assert not os.environ.get("CI"), "CI must install ffmpeg: see .ci/run"
    pytest.skip("ffmpeg is not installed", allow_module_level=True)

H264 = "-c:v libx264 -preset veryfast -bf 3 -x264-params b-pyramid=normal:keyint=25:threads=1"
CHAPTERS = """;FFMETADATA1
title=A video
artist=Someone
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1000
title=One
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=2000
title=Two
"""
SUBTITLES = "1\n00:00:00,500 --> 00:00:01,000\nHello\n\n2\n00:00:01,200 --> 00:00:01,500\nBye\n"


def ffmpeg(folder: Path, command: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *command.split()], cwd=folder, check=True)


def probe(path: Path) -> dict:
    """What ffprobe finds: streams, packets with hashes, chapters and tags."""
    options = "-show_streams -show_packets -show_data_hash md5 -show_chapters -show_format"
    command = ["ffprobe", "-v", "error", *options.split(), "-of", "json", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def packets(found: dict) -> dict[int, list[tuple]]:
    """Time stamps, size, flags and hash of every packet, by track."""
    tracks: dict[int, list[tuple]] = {}
    for packet in found["packets"]:
        row = [packet.get(key) for key in ("pts_time", "dts_time", "size", "flags", "data_hash")]
        tracks.setdefault(packet["stream_index"], []).append(tuple(row))
    return tracks


def labels(stream: dict) -> dict:
    """What a player shows of a track, and how it is coded."""
    tags = {key.lower(): value for key, value in stream.get("tags", {}).items()}
    kept = ("language", "title", "handler_name", "timecode", "filename", "mimetype")
    flags = {name for name, is_set in stream["disposition"].items() if is_set}
    sides = [side.get("displaymatrix") for side in stream.get("side_data_list", [])]
    return {key: tags.get(key) for key in kept} | {
        "codec": stream.get("codec_name"),
        "codec tag": stream["codec_tag_string"],
        "flags": flags,
        "rotation": sides,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Test files: MKV as x264 and HandBrake write it, MP4 with time code and rotation, podcasts."""
    place = tmp_path_factory.mktemp("media")
    (place / "chapters.txt").write_text(CHAPTERS)
    (place / "s.srt").write_text(SUBTITLES)
    (place / "font.ttf").write_bytes(os.urandom(3000))
    picture, noise = "-f lavfi -i testsrc=s=64x48:r=25:d=2", "-f lavfi -i anoisesrc=d=2:a=0.1"
    ffmpeg(place, "-f lavfi -i color=red:s=64x64 -frames:v 1 cover.jpg")
    ffmpeg(
        place,
        f"{picture} {noise}:r=48000 -f lavfi -i sine=440:d=2 -i s.srt -i chapters.txt "
        f"-map 1 -map 0 -map 2 -map 3 -map 1 {H264} -c:a:0 aac -c:a:1 libopus -c:a:2 libmp3lame "
        "-map_metadata 4 -map_chapters 4 -metadata:s:a:0 language=eng "
        "-metadata:s:a:0 title=Comments -metadata:s:a:1 language=deu -disposition:a:0 0 "
        "-disposition:a:1 default -metadata:s:s:0 language=fra -disposition:s:0 forced "
        "-attach font.ttf -metadata:s:t:0 mimetype=font/ttf -metadata:s:t:0 filename=font.ttf "
        "-avoid_negative_ts disabled many.mkv",
    )
    ffmpeg(
        place,
        "-i many.mkv -map 0:v -map 0:a:0 -c copy -attach cover.jpg "
        "-metadata:s:t mimetype=image/jpeg -metadata:s:t filename=cover.jpg cover.mkv",
    )
    mp4 = "-i many.mkv -map 0:v -map 0:a:0 -c copy -timecode 01:00:00:00"
    ffmpeg(place, f"{mp4} -map 0:s -c:s mov_text -metadata:s:v rotate=90 many.mp4")
    ffmpeg(place, f"{mp4} many.mov")
    ffmpeg(
        place,
        f"{picture} {noise} -i cover.jpg -map 0 -map 1 -map 2 -c:v:0 libx265 -tag:v:0 hvc1"
        " -preset ultrafast -x265-params log-level=none -c:a aac -c:v:1 copy"
        " -disposition:v:1 attached_pic hevc.mp4",
    )
    ffmpeg(place, f"{picture} {noise}:r=48000 -c:v libvpx -deadline realtime -c:a libopus a.webm")
    ffmpeg(place, "-i many.mkv -map 0:v -map 0:a -c copy -c:a:1 mp3 a.ts")
    ffmpeg(place, f"{picture} {noise} -c:v mpeg4 -bf 2 -c:a libmp3lame a.avi")
    for name in ("podcast.m4a", "book.m4b"):
        ffmpeg(
            place,
            f"{noise}:r=44100 -i cover.jpg -i chapters.txt -map 0 -map 1 -map_metadata 2 "
            "-map_chapters 2 -c:a aac -b:a 160k -c:v copy -disposition:v attached_pic "
            f"-f ipod {name}",
        )
    return place


FILES = "many.mkv cover.mkv many.mp4 many.mov hevc.mp4 a.webm a.ts a.avi podcast.m4a book.m4b"


@pytest.mark.parametrize("name", FILES.split())
def test_everything_else_is_the_same(tmp_path, folder, toy_stream_model, name):
    if name in ("many.mp4", "many.mov") and major_version(av) < media_tracks.TIME_CODE_VERSION:
        pytest.skip("PyAV 17, the last one for Python 3.10, does not write the time code")
    target = tmp_path / f"out{Path(name).suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is lost
        Denoiser(toy_stream_model).file(folder / name, target)
    before, after = probe(folder / name), probe(target)
    old, new = packets(before), packets(after)
    denoised = 2 if name == "many.mkv" else {"podcast.m4a": 0, "book.m4b": 0}.get(name)
    if denoised is None:
        denoised = next(s["index"] for s in before["streams"] if s["codec_type"] == "audio")
    assert old.keys() == new.keys() and new[denoised] != old[denoised]
    for track in old:
        if track != denoised:
            assert new[track] == old[track], f"track {track}"
    ends = [max(float(row[0]) for row in rows[denoised]) for rows in (old, new)]
    assert ends[0] == pytest.approx(ends[1], abs=0.06)
    for one, other in zip(before["streams"], after["streams"], strict=True):
        if one["codec_tag_string"] != "tmcd":  # the muxer names its handler anew
            assert labels(one) == labels(other)
    chapters = [(c["start_time"], c["end_time"], c["tags"]) for c in before["chapters"]]
    assert [(c["start_time"], c["end_time"], c["tags"]) for c in after["chapters"]] == chapters
    tags = [found["format"].get("tags", {}) for found in (before, after)]
    kept = [{k.lower(): v for k, v in t.items() if k.lower() in ("title", "artist")} for t in tags]
    assert kept[0] == kept[1] and len(kept[0]) == (0 if name[:2] in ("a.", "he") else 2)


@pytest.mark.parametrize("track, changed", [(1, {0}), (3, {4}), ("all", {0, 2, 4}), (None, {2})])
def test_a_track_is_chosen(tmp_path, folder, toy_stream_model, track, changed):
    target = tmp_path / "out.mkv"
    Denoiser(toy_stream_model).file(folder / "many.mkv", target, track=track)
    old, new = packets(probe(folder / "many.mkv")), packets(probe(target))
    assert {index for index in old if old[index] != new[index]} == changed
    only(tmp_path, "out.mkv")


@pytest.mark.parametrize("track", [0, -1, 4, "first", 1.5, True])
def test_a_track_that_is_none_is_refused(tmp_path, folder, toy_stream_model, track):
    with pytest.raises(RtdenoiseError, match="track"):
        Denoiser(toy_stream_model).file(folder / "many.mkv", tmp_path / "out.mkv", track=track)
    with pytest.raises(RtdenoiseError, match="one sound track"):
        Denoiser(toy_stream_model).file(folder / "many.mkv", tmp_path / "out.wav", track="all")
    only(tmp_path)


@pytest.mark.parametrize(
    "name, target, lost",
    [
        ("many.mkv", "out.mp4", ["subtitle", "attachment"]),
        ("many.mp4", "out.m4a", ["picture h264", "subtitle mov_text"]),
        ("many.mp4", "out.webm", ["picture h264", "opus instead of aac"]),
    ],
)
def test_what_cannot_be_kept_is_said_in_one_line(
    tmp_path, folder, toy_stream_model, name, target, lost
):
    with pytest.warns(UserWarning) as caught:
        Denoiser(toy_stream_model).file(folder / name, tmp_path / target)
    assert len(caught) == 1
    text = str(caught[0].message)
    assert all(word in text for word in lost) and "\n" not in text, text


def test_the_bit_rate_stays(tmp_path, folder, toy_stream_model):
    Denoiser(toy_stream_model, mix=0.0).file(folder / "podcast.m4a", tmp_path / "out.m4a")
    rates = [
        int(probe(path)["streams"][0]["bit_rate"])
        for path in (folder / "podcast.m4a", tmp_path / "out.m4a")
    ]
    assert rates[1] == pytest.approx(rates[0], rel=0.1)


def test_24_bits_of_a_video_stay(tmp_path, folder, toy_stream_model):
    ffmpeg(
        tmp_path,
        f"-i {folder}/many.mkv -map 0:v -map 0:a:0 -c:v copy -c:a flac "
        "-sample_fmt s32 -bits_per_raw_sample 24 in.mkv",
    )
    denoiser = Denoiser(toy_stream_model, mix=0.0)
    for name in ("out.mkv", "out.flac", "out.wav"):
        denoiser.file(tmp_path / "in.mkv", tmp_path / name)
    assert sf.info(tmp_path / "out.flac").subtype == "PCM_24"
    assert sf.info(tmp_path / "out.wav").subtype == "PCM_24"
    assert probe(tmp_path / "out.mkv")["streams"][1]["bits_per_raw_sample"] == "24"


def test_a_playlist_opens_no_other_file(tmp_path, folder, toy_stream_model):
    (tmp_path / "list.ts").write_text(f"#EXTM3U\n#EXTINF:2,\n{folder}/a.ts\n#EXT-X-ENDLIST\n")
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile {folder}/a.ts\n")
    for name in ("list.ts", "list.mp4"):
        with pytest.raises(RtdenoiseError, match="playlist|cannot be read"):
            Denoiser(toy_stream_model).file(tmp_path / name, tmp_path / "out.wav")
    only(tmp_path, "list.ts", "list.mp4")


def test_a_podcast_becomes_a_sound_file_with_its_tags(tmp_path, folder, toy_stream_model):
    for name in ("out.mp3", "out.flac", "out.wav"):
        with pytest.warns(UserWarning, match="not kept: chapters, cover") as caught:
            Denoiser(toy_stream_model).file(folder / "podcast.m4a", tmp_path / name)
        assert len(caught) == 1
        with sf.SoundFile(tmp_path / name) as file:
            assert (file.title, file.artist) == ("A video", "Someone")


def test_an_old_pyav_says_that_it_loses_the_time_code(
    tmp_path, folder, toy_stream_model, monkeypatch
):
    for version, told in ((17, 1), (18, 0)):
        monkeypatch.setattr(media_tracks, "major_version", lambda av, version=version: version)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            Denoiser(toy_stream_model).file(folder / "many.mp4", tmp_path / "out.mp4", force=True)
        assert sum("the time code (PyAV 18" in str(w.message) for w in caught) == told
