"""Video, m4a and whatever else FFmpeg reads, through PyAV: pip install 'rtdenoise[av]'.

IN  --demux--> sound --decode--> denoise --encode--> OUT
    \\-demux--> picture, subtitles, other tracks -copied->/
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import RtdenoiseError
from .paths import reason
from .whole import part_path

Audio = NDArray[np.float32]
SUFFIXES = frozenset(
    f".{name}" for name in "mp4 m4v m4a m4b mov mkv mka webm avi ts aac wma wmv 3gp flv ac3".split()
)
GAP = 0.02  # s without sound, by the time stamps, that are filled with silence
ENCODERS = {"vorbis": "libvorbis", "opus": "libopus", "mp3": "libmp3lame"}
MUXERS = {"m4a": "ipod", "m4b": "ipod", "m4v": "mp4", "mkv": "matroska", "mka": "matroska"}
MUXERS |= {"aac": "adts", "ts": "mpegts", "wma": "asf", "wmv": "asf"}
BIT_RATE = 96_000  # per channel, where the input does not tell


def is_media(path: Path) -> bool:
    """Return whether the name is one that PyAV handles and libsndfile does not."""
    return path.suffix.lower() in SUFFIXES


def import_av() -> Any:
    """Return PyAV. Raises RtdenoiseError where it is not installed."""
    try:
        import av
    except ImportError as error:
        raise RtdenoiseError(
            "video and m4a/aac files need PyAV: pip install 'rtdenoise[av]'"
        ) from error
    return av


class MediaReader:
    """The first sound track of a video or an m4a file; the interface of `AudioReader`."""

    format, subtype, endian = "", "PCM_16", "FILE"  # for a WAV or FLAC that is made of it

    def __init__(self, path: Path) -> None:
        """Open a file. Raises RtdenoiseError where it cannot be read or holds no sound."""
        av = import_av()
        self.path = path
        try:
            self.container = av.open(str(path))
        except (av.FFmpegError, OSError) as error:
            raise RtdenoiseError(f"{path} cannot be read ({reason(error)}): check it") from error
        if not self.container.streams.audio:
            self.container.close()
            raise RtdenoiseError(f"{path} holds no sound: there is nothing to denoise")
        self.stream = self.container.streams.audio[0]
        context = self.stream.codec_context
        self.sample_rate, self.channels = context.sample_rate, context.layout.nb_channels
        duration = self.stream.duration and float(self.stream.duration * self.stream.time_base)
        duration = duration or (self.container.duration or 0) / av.time_base
        self.frames, self.read = round(duration * self.sample_rate), 0
        self.tags: dict[str, str] = {}
        self.start = 0.0  # s, the time stamp of the first sample

    def skip(self, frames: int) -> None:
        """Not for video: cutting the picture is another program's work."""
        raise RtdenoiseError(
            f"{self.path}: --start and --end are for sound files: cut it with ffmpeg first"
        )

    def blocks(self, size: int) -> Iterator[Audio]:
        """Yield blocks of at least `size` frames, but for the last; gaps become silence."""
        held: list[Audio] = []
        count = 0
        for piece in self._pieces():
            held.append(piece)
            count += len(piece)
            if count >= size:
                yield self._joined(held)
                held, count = [], 0
        if held:
            yield self._joined(held)
        if not self.read:
            raise RtdenoiseError(f"{self.path} holds no decodable sound: check it")

    def _joined(self, pieces: list[Audio]) -> Audio:
        block = np.concatenate(pieces)
        self.read += len(block)
        return block

    def _pieces(self) -> Iterator[Audio]:
        av = import_av()
        resampler = av.AudioResampler(format="fltp", layout=self.stream.codec_context.layout)
        done, first = 0, True
        try:
            for frame in self.container.decode(self.stream):
                if first and frame.pts is not None:
                    self.start, first = float(frame.pts * frame.time_base), False
                late = 0
                if frame.pts is not None:
                    time = float(frame.pts * frame.time_base) - self.start
                    late = round(time * self.sample_rate) - done
                if late > GAP * self.sample_rate:
                    yield np.zeros((late, self.channels), np.float32)
                    done += late
                for part in resampler.resample(frame):
                    done += part.samples
                    yield np.ascontiguousarray(part.to_ndarray().T)
        except av.FFmpegError as error:
            warnings.warn(f"{self.path} is damaged ({reason(error)})", stacklevel=2)

    def __enter__(self) -> MediaReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()


class MediaWriter:
    """Encodes the sound and copies every other track of `like`; whole or absent at the end."""

    def __init__(self, path: Path, like: Any) -> None:
        """Open for writing. Raises RtdenoiseError where the format or the place does not do."""
        av = import_av()
        self.path, self._part, self._errors = path, part_path(path), (av.FFmpegError, OSError)
        self._av, self._like, self._samples = av, like, 0
        self._source: Any = None
        suffix = path.suffix[1:].lower()
        try:
            self._out = av.open(str(self._part), "w", format=MUXERS.get(suffix, suffix))
            self._copies = self._copy_tracks(like)
            self._stream = self._add_sound(like)
        except (*self._errors, ValueError) as error:
            self._discard()
            raise RtdenoiseError(
                f"{path} cannot be written ({reason(error)}): choose another folder or format"
            ) from error

    def _copy_tracks(self, like: Any) -> dict[int, Any]:
        """Open the input anew for its other tracks; returns the output track of each."""
        if not isinstance(like, MediaReader):
            return {}
        self._source = self._av.open(str(like.path))
        self._out.metadata.update(like.container.metadata)
        copies = {}
        for stream in self._source.streams:
            if stream.index != like.stream.index and stream.type in ("video", "audio", "subtitle"):
                copies[stream.index] = self._out.add_stream_from_template(stream)
        self._packets = self._source.demux([self._source.streams[i] for i in copies or [0]])
        self._next = next(self._packets, None)
        return copies

    def _add_sound(self, like: Any) -> Any:
        codec = self._out.default_audio_codec
        options: dict[str, Any] = {}
        if isinstance(like, MediaReader):
            context = like.stream.codec_context
            name = ENCODERS.get(context.name, context.name)
            if name in self._out.supported_codecs and name in self._av.codecs_available:
                codec = name
            options["layout"] = context.layout.name
            rate = like.stream.bit_rate
        else:
            options["layout"] = {1: "mono", 2: "stereo"}.get(like.channels, f"{like.channels}c")
            rate = None
        stream = self._out.add_stream(codec, rate=like.sample_rate, **options)
        stream.bit_rate = rate or BIT_RATE * like.channels
        return stream

    def write(self, block: Audio) -> None:
        """Append [frames, channels], and the other tracks' packets up to the same time."""
        frame = self._av.AudioFrame.from_ndarray(
            np.ascontiguousarray(block.T), format="fltp", layout=self._stream.codec_context.layout
        )
        frame.sample_rate = self._like.sample_rate
        offset = round(getattr(self._like, "start", 0.0) * self._like.sample_rate)
        frame.pts, frame.time_base = self._samples + offset, Fraction(1, self._like.sample_rate)
        self._samples += len(block)
        self._copy_until(self._samples / self._like.sample_rate)
        self._encode(frame)

    def _encode(self, frame: Any) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._out.mux(packet)
        except self._errors as error:
            raise self._failed(error) from error

    def _copy_until(self, seconds: float) -> None:
        if not self._copies:
            return
        try:
            while self._next is not None:
                packet = self._next
                if packet.dts is not None:
                    if float(packet.dts * packet.time_base) > seconds:
                        return
                    packet.stream = self._copies[packet.stream.index]
                    self._out.mux(packet)
                self._next = next(self._packets, None)
        except self._errors as error:
            raise self._failed(error) from error

    def __enter__(self) -> MediaWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._encode(None)
                self._copy_until(float("inf"))
                self._out.close()
                with open(self._part, "rb") as handle:
                    os.fsync(handle.fileno())
                os.replace(self._part, self.path)
        except self._errors as problem:
            raise self._failed(problem) from problem
        finally:
            self._discard()

    def _discard(self) -> None:
        for container in (getattr(self, "_out", None), self._source):
            try:
                if container is not None:
                    container.close()
            except self._errors:
                pass
        self._part.unlink(missing_ok=True)

    def _failed(self, error: Exception) -> RtdenoiseError:
        return RtdenoiseError(
            f"{self.path} could not be written completely ({reason(error)}): free some disk "
            "space, or choose another format; nothing was left behind"
        )
