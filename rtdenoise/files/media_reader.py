"""Reads video, m4a and other FFmpeg formats through PyAV: pip install 'rtdenoise[av]'.

IN  --demux--> the chosen sound track --decode--> denoise --encode--> OUT
    \\-demux--> picture, subtitles, other tracks ------copied--------->/
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .paths import check_input, check_sound, reason, suffix_of, visible_path

Audio = NDArray[np.float32]
MEDIA_SUFFIXES = frozenset(
    "mp4 m4v m4a m4b mov mkv mka webm avi ts aac wma wmv 3gp flv ac3".split()
)
MAX_GAP_SECONDS = 0.02  # longer gaps between time stamps are filled with silence
MAX_ROUNDING_SECONDS = 0.002  # of time stamps, which some formats store in milliseconds
PROBE_SECONDS = 20.0  # of a track without a stated bit rate are measured
LOSSLESS = ("flac", "alac", "wavpack", "tta", "ape", "truehd", "mlp", "shorten", "tak")
PCM_SUBTYPES = {"pcm_f32": "FLOAT", "pcm_f64": "DOUBLE", "pcm_s32": "PCM_32", "pcm_s24": "PCM_24"}
# Files that libsndfile mostly reads itself, by FFmpeg's name: their tags can be copied, too.
FORMATS = {"wav": "WAV", "aiff": "AIFF", "mp3": "MP3", "flac": "FLAC", "ogg": "OGG"}
# FFmpeg's names of tags, and libsndfile's.
TAGS = {key: key for key in "title artist album comment copyright date genre".split()}
TAGS |= {"track": "tracknumber"}
# Tags of a file's making and of its level, not of the recording: their loss is not told.
NOT_NAMED = set("major_brand minor_version compatible_brands encoder software".split())
NOT_NAMED |= {"duration", "language"}
NOT_NAMED |= set("handler_name vendor_id creation_time itunnorm itunsmpb".split())
# FFmpeg may open other files, or the network, for these. They are lists, not recordings.
PLAYLISTS = ("hls", "dash", "concat", "sdp", "rtsp", "imf", "image2")


def is_media(path: Path) -> bool:
    """Return whether the suffix is one that PyAV reads and libsndfile does not."""
    return suffix_of(path) in MEDIA_SUFFIXES


def import_av() -> Any:
    """Return PyAV. Raises RtdenoiseError if it is not installed."""
    try:
        import av
    except ImportError as error:
        raise RtdenoiseError(
            "video and m4a/aac files need PyAV: pip install 'rtdenoise[av]'"
        ) from error
    return av


def major_version(av: Any) -> int:
    """Return the first number of PyAV's version."""
    return int(av.__version__.partition(".")[0])


def open_container(path: Path) -> Any:
    """Open a local file with PyAV; other files and URLs that it names stay closed.

    Raises av.FFmpegError if it cannot be read, RtdenoiseError if it is a playlist.
    """
    av = import_av()
    # From version 19 on, PyAV keeps bytes of tags that are not UTF-8 as surrogates: see `_text`.
    decoding = {"metadata_errors": "replace"} if major_version(av) < 19 else {}
    container = av.open(
        f"file:{path}", container_options={"protocol_whitelist": "file"}, **decoding
    )
    if set(container.format.name.split(",")) & set(PLAYLISTS):
        container.close()
        raise RtdenoiseError(f"{path} is a playlist or a picture: give the recording itself")
    return container


def _text(tag: str) -> str:
    """Return a tag as text that can be written anywhere: bytes that are not UTF-8 become U+FFFD."""
    return tag.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class MediaReader:
    """A sound track of a video or m4a file, with the interface of `AudioReader`."""

    endian = "FILE"

    def __init__(self, path: Path, track: int | None = None) -> None:
        """Open sound track number `track`, counted from 1 (None: the default track).

        Raises RtdenoiseError if the file cannot be read or has no such track.
        """
        self._av = import_av()
        self.path = path
        check_input(path)
        try:
            self.container = open_container(path)
        except (self._av.FFmpegError, OSError, ValueError) as error:
            raise RtdenoiseError(
                f"{path} cannot be read ({reason(error)}): check the file"
            ) from error
        try:
            self.stream = self._choose(track)
        except RtdenoiseError:
            self.container.close()
            raise
        context = self.stream.codec_context
        self.sample_rate, self.channels = context.sample_rate, context.layout.nb_channels
        self.subtype = self._subtype()
        self.format = FORMATS.get(self.container.format.name, "")
        duration = self.stream.duration and float(self.stream.duration * self.stream.time_base)
        duration = duration or (self.container.duration or 0) / self._av.time_base
        self._longest_gap = 60 + duration  # s; a longer one is a damaged time stamp
        self.frames, self.frames_read = round(duration * self.sample_rate), 0
        found = self.container.metadata | self.stream.metadata  # Ogg tags are those of the track
        lower = {key.lower(): _text(value) for key, value in found.items()}
        self.tags = {TAGS.get(key, key): lower[key] for key in TAGS if lower.get(key)}
        self.warns = True  # of damage
        self.start = 0.0  # s: time stamp of the first sample that `blocks` yields
        self._first = 0.0  # s: time stamp of the first sample decoded

    def _choose(self, number: int | None) -> Any:
        tracks = self.container.streams.audio
        if not tracks:
            raise RtdenoiseError(f"{self.path} has no audio track: there is nothing to denoise")
        if number is not None and not 1 <= number <= len(tracks):
            raise RtdenoiseError(
                f"{self.path} has no sound track {number}: choose --track 1 to {len(tracks)}"
            )
        default = (t for t in tracks if t.disposition & self._av.stream.Disposition.default)
        stream = tracks[number - 1] if number else next(default, tracks[0])
        context = stream.codec_context
        if context is None or not context.sample_rate or not context.layout.nb_channels:
            raise RtdenoiseError(f"{self.path}: the codec of its sound track is not supported")
        check_sound(self.path, context.sample_rate, context.layout.nb_channels)
        return stream

    def _subtype(self) -> str:
        """Return the libsndfile name of the samples; 16 bits for a lossy track."""
        context = self.stream.codec_context
        name = context.codec.canonical_name
        for prefix, subtype in PCM_SUBTYPES.items():
            if name.startswith(prefix):
                return subtype
        # A decoder of 24 bits or less returns 32-bit integers.
        return "PCM_24" if name in LOSSLESS and context.format.bytes > 2 else "PCM_16"

    @property
    def lossless(self) -> bool:
        """Whether the track is stored without loss."""
        name = self.stream.codec_context.codec.canonical_name
        return name.startswith("pcm_") or name in LOSSLESS

    variable_bit_rate = False  # the average is kept

    def bit_rate(self) -> int:
        """Return the bits per second of a lossy track: stated, or measured at its beginning."""
        if self.lossless:
            return 0
        if stated := self.stream.bit_rate or self.stream.codec_context.bit_rate:
            return int(stated)
        size, seconds = 0, 0.0
        with open_container(self.path) as container:
            for packet in container.demux(container.streams[self.stream.index]):
                size += packet.size
                seconds += float((packet.duration or 0) * packet.time_base)
                if seconds > PROBE_SECONDS:
                    break
        return round(8 * size / seconds) if seconds else 0

    def others(self) -> list[str]:
        """Return what the file holds besides the chosen track, in words."""
        attached = self._av.stream.Disposition.attached_pic
        words = {"video": "picture", "subtitle": "subtitles", "audio": "other sound tracks"}
        found = ["chapters"] if self.container.chapters() else []
        for stream in self.container.streams:
            if stream.index == self.stream.index or stream.type == "data":
                continue
            is_cover = stream.type == "video" and stream.disposition & attached
            found.append("cover" if is_cover else words.get(stream.type, f"{stream.type}s"))
        tags = self.container.metadata | self.stream.metadata
        found += [_text(key) for key in tags if not is_stale(key) and key.lower() not in TAGS]
        return list(dict.fromkeys(found))

    def skip(self, frames: int) -> None:
        """Raise RtdenoiseError: video is not cut."""
        raise RtdenoiseError(
            f"{self.path}: --start and --end work with audio files only: cut the video with ffmpeg"
        )

    def blocks(self, size: int) -> Iterator[Audio]:
        """Yield blocks of at least `size` frames (the last may be shorter); gaps become silence."""
        chunks: list[Audio] = []
        count = 0
        for chunk in self._until_damage(size):
            chunks.append(chunk)
            count += len(chunk)
            if count >= size:
                yield self._join(chunks)
                chunks, count = [], 0
        if count:
            yield self._join(chunks)
        if not self.frames_read:
            raise RtdenoiseError(f"{self.path} contains no decodable audio: check the file")

    def _join(self, chunks: list[Audio]) -> Audio:
        block = np.concatenate(chunks)
        self.frames_read += len(block)
        return block

    def _until_damage(self, size: int) -> Iterator[Audio]:
        """Yield from `_chunks`; where FFmpeg can convert no more of the audio, end with a warning.

        A damaged header may state a format that no sound has.
        """
        try:
            yield from self._chunks(size)
        except (self._av.FFmpegError, ValueError) as error:
            self._warn(f"is damaged ({reason(error)}): its end is left out")

    def _warn(self, text: str) -> None:
        if self.warns:
            warnings.warn(f"{visible_path(self.path)} {text}", stacklevel=2)

    def _chunks(self, size: int) -> Iterator[Audio]:
        """Yield decoded audio; gaps between time stamps become at most `size` zeros at a time."""
        resampler: Any = None
        form: Any = None
        done, first, early = 0, True, 0
        for frame in self._decoded():
            if first and frame.pts is not None:
                self.start = self._first = float(frame.pts * frame.time_base)
                first = False
                early = self._early_samples()
            missing = self._missing(frame, done)
            for start in range(0, missing, size):
                yield np.zeros((min(size, missing - start), self.channels), np.float32)
            done += missing
            if form != (form := (frame.format.name, frame.layout.name, frame.sample_rate)):
                if resampler is not None:  # the format changed in the middle of the track
                    yield from map(_samples, resampler.resample(None))
                layout = self.stream.codec_context.layout
                resampler = self._av.AudioResampler("flt", layout, self.sample_rate)
            for part in resampler.resample(frame):
                done += part.samples
                yield _samples(part)[early:]
                early -= min(early, part.samples)

    def _early_samples(self) -> int:
        """Return how many samples the encoder put before time 0; decoders are to drop them."""
        if self.start > -MAX_ROUNDING_SECONDS:
            return 0
        early, self.start = round(-self.start * self.sample_rate), 0.0
        return early

    def _missing(self, frame: Any, done: int) -> int:
        """Return how many samples of silence belong before `frame`."""
        if frame.pts is None:
            return 0
        time = float(frame.pts * frame.time_base) - self._first
        missing = round(time * self.sample_rate) - done
        return missing if MAX_GAP_SECONDS < missing / self.sample_rate < self._longest_gap else 0

    def _decoded(self) -> Iterator[Any]:
        """Yield decoded frames; damaged packets are left out and counted."""
        damaged, why = 0, ""
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                yield from packet.decode()
            except self._av.EOFError:
                continue
            except self._av.FFmpegError as error:
                damaged, why = damaged + 1, reason(error)
        if damaged:
            self._warn(f"is damaged ({why}): {damaged} packets became silence")

    def __enter__(self) -> MediaReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()


def is_stale(key: str) -> bool:
    """Return whether a tag tells how a file was made or how loud it is."""
    name = key.lower()
    return name in NOT_NAMED or name.startswith(("replaygain_", "r128_", "bps", "number_of_", "_"))


def _samples(frame: Any) -> Audio:
    """Return [frames, channels] of an interleaved frame; PyAV fails with eight planes."""
    return np.ascontiguousarray(frame.to_ndarray().reshape(frame.samples, -1))
