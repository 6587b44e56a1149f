"""Small whole files of every family of formats, with tags, pictures, chapters and other tracks."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile as sf

RATE, SECONDS = 48_000, 0.4
# suffix: container, sample format and channels for libsndfile
SOUND = {
    "wav": ("WAV", "PCM_16", 2),
    "float.wav": ("WAV", "FLOAT", 1),
    "24bit.wav": ("WAVEX", "PCM_24", 3),
    "adpcm.wav": ("WAV", "IMA_ADPCM", 1),
    "rf64": ("RF64", "PCM_16", 1),
    "w64": ("W64", "PCM_24", 1),
    "aiff": ("AIFF", "PCM_16", 2),
    "caf": ("CAF", "PCM_16", 1),
    "alac.caf": ("CAF", "ALAC_16", 1),
    "au": ("AU", "PCM_16", 1),
    "flac": ("FLAC", "PCM_16", 2),
    "ogg": ("OGG", "VORBIS", 1),
    "opus": ("OGG", "OPUS", 1),
    "mp3": ("MP3", "MPEG_LAYER_III", 1),
}
# suffix: muxer, sound and picture for FFmpeg
MEDIA = {
    "m4a": ("mp4", "aac", None),
    "mp4": ("mp4", "aac", "libx264"),
    "mov": ("mov", "pcm_s16le", "mpeg4"),
    "mkv": ("matroska", "aac", "libx264"),
    "webm": ("webm", "libopus", "libvpx"),
    "avi": ("avi", "libmp3lame", "mpeg4"),
    "ts": ("mpegts", "aac", "libx264"),
}
FORMATS = (*SOUND, *MEDIA)
TAGS = {"title": "A title", "artist": "Somebody", "comment": "replaygain 1 dB"}


def make_sources(folder: Path) -> dict[str, bytes]:
    """Return the bytes of a file of each of `FORMATS`."""
    found = {}
    for name in FORMATS:
        path = folder / f"source.{name}"
        (_write_sound if name in SOUND else _write_media)(path, name)
        found[name] = path.read_bytes()
        path.unlink()
    for name in ("wav", "rf64", "aiff"):
        found[name] = _with_chunks(found[name], "aiff" in name)
    found["mp3"] = _id3() + found["mp3"]
    return found


def _audio(channels: int) -> np.ndarray:
    generator = np.random.default_rng(1)
    return 0.1 * generator.standard_normal((round(SECONDS * RATE), channels)).astype("f")


def _write_sound(path: Path, name: str) -> None:
    container, subtype, channels = SOUND[name]
    with sf.SoundFile(path, "w", RATE, channels, subtype, format=container) as file:
        for tag, value in TAGS.items():
            with contextlib.suppress(sf.SoundFileError):  # AU and W64 hold no tags
                setattr(file, tag, value)
        file.write(_audio(channels))


def _write_media(path: Path, name: str) -> None:
    import av

    muxer, sound, picture = MEDIA[name]
    with av.open(str(path), "w", format=muxer) as out:
        out.metadata.update(TAGS)
        video = out.add_stream(picture, rate=10) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = out.add_stream(sound, rate=RATE, layout="mono")
        if muxer not in ("avi", "mpegts"):
            out.set_chapters(
                [
                    {
                        "id": 1,
                        "start": 0,
                        "end": 200,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": "One"},
                    }
                ]
            )
        for frame in _frames(av, audio, video):
            stream = audio if isinstance(frame, av.AudioFrame) else video
            out.mux(stream.encode(frame))
        for stream in filter(None, (audio, video)):
            out.mux(stream.encode(None))


def _frames(av: object, audio: object, video: object) -> Iterator[object]:
    for number in range(4 if video is not None else 0):
        picture = np.full((48, 64, 3), 40 * number, np.uint8)
        picture[:, : 10 * number] = 200
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 10)
        yield frame
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(_audio(1).T), format="fltp", layout="mono"
    )
    frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    yield frame


def _with_chunks(data: bytes, big: bool) -> bytes:
    """Return a RIFF or AIFF file with further chunks at its end."""
    chunks = {b"bext": bytes(602), b"iXML": b"<BWFXML/>", b"id3 ": _id3(), b"afsp": b"text"}
    if big:
        chunks = {b"MARK": struct.pack(">HhIB3s", 1, 1, 99, 2, b"hi "), b"ANNO": b"a note"}
    order = ">" if big else "<"
    tail = b"".join(
        struct.pack(order + "4sI", name, len(body)) + body + bytes(len(body) % 2)
        for name, body in chunks.items()
    )
    size = struct.pack(order + "I", len(data) + len(tail) - 8)
    return data[:4] + (data[4:8] if data[:4] == b"RF64" else size) + data[8:] + tail


def _id3() -> bytes:
    """Return an ID3v2.3 tag with text, a user's text and a cover."""
    picture = b"\0image/png\0\3\0\x89PNG" + bytes(300)
    frames = {b"TIT2": b"\0A title", b"TXXX": b"\0REPLAYGAIN_TRACK_GAIN\0-3 dB", b"APIC": picture}
    body = b"".join(
        name + struct.pack(">IH", len(text), 0) + text for name, text in frames.items()
    ) + bytes(64)
    size = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + body
