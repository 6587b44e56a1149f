"""Copies everything but the denoised track from one media file to another, unchanged."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from .level_tags import is_level
from .media_reader import import_av, major_version, open_container

MUXERS = {"m4a": "mp4", "m4b": "mp4", "m4v": "mp4", "mkv": "matroska", "mka": "matroska"}
MUXERS |= {"aac": "adts", "ts": "mpegts", "wma": "asf", "wmv": "asf"}
AUDIO_ONLY = frozenset("m4a m4b mka aac wma ac3".split())
MOV_FAMILY = frozenset("mp4 mov 3gp".split())  # names of muxers
# What describes the old file, not the recording; the muxer writes its own.
STALE_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
STALE_TRACK_TAGS = {"bps", "number_of_bytes", "number_of_frames", "vendor_id"}
# FFmpeg writes any codec into a transport stream, but finds only these again.
TS_CODECS = set("h264 hevc mpeg1video mpeg2video mpeg4 vvc av1 aac ac3 eac3 mp2 mp3 opus".split())
TS_CODECS |= {"dvb_subtitle", "dvb_teletext", "dts", "truehd"}
TIME_CODE_VERSION = 18  # of PyAV: earlier ones do not write the track
KINDS = {"video": "picture", "audio": "sound"}


def muxer_of(suffix: str) -> str:
    """Return the name of FFmpeg's muxer for a suffix without dot."""
    return MUXERS.get(suffix, suffix)


def kept_tags(tags: dict[str, str]) -> dict[str, str]:
    """Return the tags that stay true of a denoised file."""
    return {
        key: value
        for key, value in tags.items()
        if key.lower() not in STALE_TAGS and not is_level(key)
    }


class TrackCopier:
    """The tracks of `path` other than the denoised one, on their way into the muxer `out`."""

    def __init__(self, path: Path, denoised: int, out: Any, suffix: str) -> None:
        """Open `path` once more; `denoised` is the index of the track that is not copied."""
        self._av, self._out, self._suffix = import_av(), out, suffix
        self._source, self._denoised = open_container(path), denoised
        self.lost: list[str] = []  # what the format of the output cannot hold
        self._copies: dict[int, Any] = {}
        self._pictures = _attached_pictures(path, self._source) if muxer_of(suffix) else {}

    def add_tracks(self, add_denoised: Callable[[], Any]) -> None:
        """Create all tracks of the output in the order of the input, chapters and tags."""
        self._out.metadata.update(kept_tags(self._source.metadata))
        if self._source.format.name == "ogg":  # its tags are those of the track
            self._out.metadata.update(kept_tags(self._source.streams[self._denoised].metadata))
        if chapters := self._source.chapters():
            self._out.set_chapters(chapters)
        for stream in self._source.streams:
            if stream.index == self._denoised:
                copy_labels(stream, add_denoised(), is_new=True)
            elif not self._is_implied(stream):
                self._add_copy(stream)
            elif "timecode" in stream.metadata and self._loses_time_code():
                self.lost.append("the time code (PyAV 18 or later keeps it)")
        chosen = [self._source.streams[index] for index in self._copies]
        packets = self._source.demux(chosen) if chosen else iter(())
        self._packets = complete_stamps(p for p in packets if p.size)
        self._next = next(self._packets, None)

    def _is_implied(self, stream: Any) -> bool:
        """Return whether the muxer writes this track by itself, from chapters or a time code."""
        if stream.type != "data" or "mov" not in self._source.format.name:
            return False
        if "timecode" in stream.metadata:
            return True
        discard = getattr(stream, "discard", None)
        return bool(self._source.chapters()) and discard in (None, self._av.stream.Discard.all)

    def _loses_time_code(self) -> bool:
        return major_version(self._av) < TIME_CODE_VERSION

    def _add_copy(self, stream: Any) -> None:
        picture = self._pictures.get(stream.index)
        if picture is not None and muxer_of(self._suffix) == "matroska":
            name, mime, data = picture
            copy_labels(stream, self._out.add_attachment(name, mime, data))
            return
        wanted = stream.type == "audio" or picture is not None or self._suffix not in AUDIO_ONLY
        for keep_tag in (True, False):
            if wanted and self._is_accepted(stream, keep_tag):
                self._copies[stream.index] = add_template(self._out, stream, keep_tag)
                return
        kind = "cover" if picture is not None else KINDS.get(stream.type, stream.type)
        context = stream.codec_context
        codec = f" {context.codec.canonical_name}" if context else ""
        self.lost.append(f"track {stream.index + 1} ({kind}{codec})")

    def _is_accepted(self, stream: Any, keep_tag: bool) -> bool:
        """Return whether a file in memory with this track gets a header."""
        same_family = muxer_of(self._suffix) in self._source.format.name.split(",")
        if keep_tag and not same_family:
            return False
        codec = stream.codec_context and stream.codec_context.codec.canonical_name
        if self._out.format.name == "mpegts" and not same_family and codec not in TS_CODECS:
            return False
        try:
            trial = self._av.open(io.BytesIO(), "w", format=self._out.format.name)
            add_template(trial, stream, keep_tag)
            trial.start_encoding()
            return True
        except (self._av.FFmpegError, ValueError, OSError):
            return False

    def copy_until(self, seconds: float) -> None:
        """Write the packets up to this time."""
        while self._next is not None:
            packet = self._next
            if float(packet.dts * packet.time_base) > seconds:
                return
            packet.stream = self._copies[packet.stream.index]
            self._out.mux(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Close the input."""
        self._source.close()


def add_template(out: Any, stream: Any, keep_tag: bool) -> Any:
    """Add a track to `out` that takes the packets of `stream`."""
    copy = out.add_stream_from_template(stream, opaque=True)
    context = copy.codec_context
    if context is not None and keep_tag and (tag := _codec_tag(stream)):
        context.codec_tag = tag
    if out.format.name == "mpegts":
        copy.id = stream.id
    copy_labels(stream, copy)
    return copy


def copy_labels(source: Any, target: Any, is_new: bool = False) -> None:
    """Copy language, title, flags and other tags; of a new track only what stays true of it."""
    tags = dict(source.metadata)
    if is_new:
        tags = {
            key: value
            for key, value in kept_tags(tags).items()
            if not key.lower().startswith("_statistics")
            and key.lower().partition("-")[0] not in STALE_TRACK_TAGS
        }
    if "name" in tags:  # how FFmpeg calls the title of a track in MP4; it writes "title"
        tags.setdefault("title", tags["name"])
    target.metadata.update(tags)
    target.disposition = source.disposition.value


def _codec_tag(stream: Any) -> str:
    try:
        tag = stream.codec_context.codec_tag
    except UnicodeDecodeError:  # a number, as in AVI
        return ""
    return tag if tag.strip("\0") else ""


def _attached_pictures(path: Path, source: Any) -> dict[int, tuple[str, str, bytes]]:
    """Return name, type and data of covers by index of their track."""
    attached = import_av().stream.Disposition.attached_pic
    covers = [s for s in source.streams.video if s.disposition & attached]
    pictures: dict[int, tuple[str, str, bytes]] = {}
    if not covers:
        return pictures
    with open_container(path) as container:
        for packet in container.demux([container.streams[s.index] for s in covers]):
            stream = source.streams[packet.stream.index]
            if packet.size and stream.index not in pictures:
                codec = stream.codec_context.codec.canonical_name if stream.codec_context else ""
                kind = {"mjpeg": "jpeg"}.get(codec, codec)
                name = stream.metadata.get("filename", f"cover.{kind.replace('jpeg', 'jpg')}")
                mime = stream.metadata.get("mimetype", f"image/{kind}")
                pictures[stream.index] = name, mime, bytes(packet)
            if len(pictures) == len(covers):
                break
    return pictures


def complete_stamps(packets: Iterator[Any]) -> Iterator[Any]:
    """Yield packets with a decoding time stamp each; their order in each track stays.

    Matroska stores presentation times only. FFmpeg derives the decoding times of a track with
    B-frames from the third packet or so on; here the first ones get theirs backwards from there.
    """
    waiting: dict[int, list[Any]] = defaultdict(list)
    last: dict[int, int] = {}
    for packet in packets:
        index = packet.stream.index
        if packet.dts is None and packet.stream.type == "video" and index not in last:
            waiting[index].append(packet)
            continue
        if packet.dts is None:
            known = packet.pts if packet.stream.type != "video" else None
            packet.dts = known if known is not None else last.get(index, 0) + _duration(packet)
        yield from _dated(waiting.pop(index, []), packet.dts)
        last[index] = packet.dts
        yield packet
    for held in waiting.values():  # tracks shorter than their reordering
        times = sorted(p.pts or 0 for p in held)
        yield from _dated(held, times[-1] + 1 if times else 0)


def _dated(held: list[Any], following: int) -> list[Any]:
    """Give the packets of `held` the decoding times before `following`."""
    for packet in reversed(held):
        following -= max(1, _duration(packet))
        if packet.pts is not None:
            following = min(following, packet.pts)
        packet.dts = following
    return held


def _duration(packet: Any) -> int:
    """Return the duration of a packet in its time base, from the frame rate if not stated."""
    if packet.duration:
        return int(packet.duration)
    rate = getattr(packet.stream, "average_rate", None)
    return round(1 / (Fraction(rate) * packet.time_base)) if rate else 1
