"""Encodes audio into a video or m4a file and copies all other tracks; see `media_reader`."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .atomic_write import part_path
from .media_reader import MediaReader, import_av
from .paths import reason

Audio = NDArray[np.float32]
ENCODERS = {"vorbis": "libvorbis", "opus": "libopus", "mp3": "libmp3lame"}
MUXERS = {"m4a": "ipod", "m4b": "ipod", "m4v": "mp4", "mkv": "matroska", "mka": "matroska"}
MUXERS |= {"aac": "adts", "ts": "mpegts", "wma": "asf", "wmv": "asf"}
BIT_RATE = 96_000  # per channel, if the input has none


class MediaWriter:
    """Encodes the audio and copies all other tracks of `like`; no partial output remains."""

    def __init__(self, path: Path, like: Any) -> None:
        """Open for writing. Raises RtdenoiseError if the format or the folder cannot be used."""
        av = import_av()
        self.path, self._part, self._errors = path, part_path(path), (av.FFmpegError, OSError)
        self._av, self._like, self._samples = av, like, 0
        self._source: Any = None
        suffix = path.suffix[1:].lower()
        try:
            self._out = av.open(str(self._part), "w", format=MUXERS.get(suffix, suffix))
            self._copies = self._copy_tracks(like)
            self._stream = self._add_audio(like)
        except (*self._errors, ValueError) as error:
            self._discard()
            raise RtdenoiseError(
                f"{path} cannot be written ({reason(error)}): choose another folder or format"
            ) from error

    def _copy_tracks(self, like: Any) -> dict[int, Any]:
        """Open the input again for its other tracks; return {input index: output track}."""
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

    def _add_audio(self, like: Any) -> Any:
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
        """Append [frames, channels], and copy the other tracks' packets up to the same time."""
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
            "space, or choose another format (the partial file was removed)"
        )
