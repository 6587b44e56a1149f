"""Encodes audio into a video or m4a file and copies all other tracks; see `media_reader`."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .atomic_write import commit_part, create_part, incomplete
from .audio_format import LOUDEST
from .media_reader import MediaReader, import_av, is_stale, open_container
from .media_tracks import TS_CODECS, TrackCopier, kept_tags, muxer_of
from .mp4_tags import copy_mp4_tags
from .paths import reason, suffix_of, visible_path
from .tags import lost_tags

Audio = NDArray[np.float32]
ENCODERS = {
    "vorbis": "libvorbis",
    "opus": "libopus",
    "mp3": "libmp3lame",
    "amr_nb": "libopencore_amrnb",
}
# The codec of a new sound track, by muxer; elsewhere AAC.
CODECS = {"webm": "libopus", "avi": "libmp3lame", "asf": "wmav2", "ac3": "ac3", "flv": "libmp3lame"}
# These store how many samples of an encoder's start are to be dropped. In others the packets before
# time 0 are left out, or the muxer would move all tracks to later times.
PRIMING = ("mp4", "mov", "3gp", "matroska", "webm", "asf")
ASF_TAIL = 4096  # frames of silence at the end: FFmpeg's WMA encoder keeps the last ones back
SHORTEST = 256  # frames; players find no sound in an MP4 file of fewer
SHORTEST_ADTS = 4096
RATES = {"flv": (11_025, 22_050, 44_100, 48_000)}  # what a muxer allows, where that is less
BRANDS = {"m4a": "M4A ", "m4b": "M4B ", "m4v": "M4V "}
BIT_RATE = 96_000  # per channel, if the input has none
DISORDERED_OPUS = 7  # channels that FFmpeg's Opus encoder puts into a wrong order
MAX_OPUS_RATE = 256_000  # per channel
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
INTERLEAVE_SECONDS = 0.25  # of audio are written at a time, between the packets of other tracks


class MediaWriter:
    """Encodes the audio and copies all other tracks of `like`; no partial output remains."""

    def __init__(self, path: Path, like: Any) -> None:
        """Open for writing. Raises RtdenoiseError if the format or the folder cannot be used."""
        av = import_av()
        self.path, self._errors = path, (av.FFmpegError, OSError)
        self._part = create_part(path)
        self._av, self._like, self._samples = av, like, 0
        self._tracks: TrackCopier | None = None
        self._changes: list[str] = []
        suffix = suffix_of(path)
        options = {"brand": BRANDS[suffix]} if suffix in BRANDS else {}
        if muxer_of(suffix) in ("matroska", "webm"):  # no time stamp is moved
            options["avoid_negative_ts"] = "disabled"
        if muxer_of(suffix) in ("mp4", "mov") and _has_quicktime_tags(self._like):
            options["movflags"] = "use_metadata_tags"
        try:
            self._out = av.open(
                f"file:{self._part}", "w", format=muxer_of(suffix), container_options=options
            )
            self._add_tracks(suffix)
        except (*self._errors, ValueError) as error:
            self._discard()
            raise RtdenoiseError(
                f"{path} cannot be written ({reason(error)}): choose another format"
            ) from error
        self._has_priming = self._out.format.name in PRIMING
        self._note_losses()

    def _add_tracks(self, suffix: str) -> None:
        denoised = _track_index(self._like, self._errors)
        if denoised is None:
            self._out.metadata.update(self._like.tags)
            self._stream = self._add_audio()
            return

        def add() -> Any:
            self._stream = self._add_audio()
            return self._stream

        self._tracks = TrackCopier(self._like.path, denoised, self._out, suffix)
        self._tracks.add_tracks(add)

    def _add_audio(self) -> Any:
        """Add the denoised track, with codec and bit rate of the input where possible."""
        like, muxer = self._like, self._out.format.name
        encoders, rate, codec = [CODECS.get(muxer, "aac")], BIT_RATE * like.channels, ""
        if isinstance(like, MediaReader):
            codec = like.stream.codec_context.codec.canonical_name
            lossless = ["flac"] if like.lossless and muxer == "matroska" else []
            encoders = [ENCODERS.get(codec, codec), *lossless, *encoders]
        rate = like.bit_rate() or rate
        for encoder in encoders[:-1]:
            if self._can_encode(encoder, rate):
                break
        else:
            encoder = encoders[-1]
        stream = self._add_encoder(self._out, encoder, rate)
        if encoder == "libopus" and like.channels == DISORDERED_OPUS:
            self._changes.append("FFmpeg puts its 7 channels into another order: choose .mkv")
        if codec and encoder != ENCODERS.get(codec, codec):
            self._changes.append(f"its sound is {encoder.removeprefix('lib')} instead of {codec}")
        if (new := stream.codec_context.sample_rate) != like.sample_rate:
            self._changes.append(f"its codec does not hold {like.sample_rate} Hz: it has {new} Hz")
        return stream

    def _add_encoder(self, out: Any, encoder: str, rate: int) -> Any:
        like, codec = self._like, self._av.Codec(encoder, "w")
        stream = out.add_stream(
            encoder,
            rate=_nearest_rate(codec, like.sample_rate, RATES.get(out.format.name)),
            layout=_layout(like),
        )
        if encoder == "libmp3lame" and out.format.name not in PRIMING:
            stream.options = {"reservoir": "0"}  # the first packet left must not need earlier ones
        stream.codec_context.format = _sample_format(codec, like.subtype)
        stream.bit_rate = min(rate, MAX_OPUS_RATE * like.channels) if encoder == "libopus" else rate
        return stream

    def _can_encode(self, encoder: str, rate: int) -> bool:
        """Return whether a file in memory with this encoder's track gets a header."""
        try:
            codec = self._av.Codec(encoder, "w")
            name = codec.canonical_name
            if name == "opus" and self._like.channels == DISORDERED_OPUS:
                return False
            if codec.experimental or (self._out.format.name == "mpegts" and name not in TS_CODECS):
                return False
            trial = self._av.open(io.BytesIO(), "w", format=self._out.format.name)
            self._add_encoder(trial, encoder, rate)
            trial.start_encoding()
            return True
        except (*self._errors, ValueError):
            return False

    def _note_losses(self) -> None:
        lost = self._tracks.lost if self._tracks else []
        if not isinstance(self._like, MediaReader) and self._like.path.is_file():
            chunks = lost_tags(self._like.path, self._like.format)
            if left := [name for name in chunks if name not in ("cover", "chapters")]:
                self._changes.append(f"not kept: {', '.join(left)}")
        if lost:
            self._changes.append(f".{suffix_of(self.path)} does not hold {', '.join(lost)}")

    def _warn_of_changes(self) -> None:
        """Warn in one line. A muxer leaves out what its format does not have: look for all tags."""
        with open_container(self._part) as container:
            kept = set(container.metadata.values())
            for stream in container.streams:
                kept.update(stream.metadata.values())
        wanted = kept_tags(self._out.metadata)
        if lost := [key for key in wanted if wanted[key] not in kept and not is_stale(key)]:
            self._changes.append(f"not kept: {', '.join(lost)}")
        if self._changes:
            text = f"{visible_path(self.path)}: {'; '.join(self._changes)}"
            warnings.warn(text, stacklevel=5)

    def write(self, block: Audio) -> None:
        """Append [frames, channels], and copy the other tracks' packets up to the same time."""
        step = max(1, round(INTERLEAVE_SECONDS * self._like.sample_rate))
        for start in range(0, len(block), step):
            self._write_piece(block[start : start + step])

    def _write_piece(self, block: Audio) -> None:
        rate = self._like.sample_rate
        if not self._stream.codec_context.name.startswith("pcm_f"):
            block = np.clip(block, -LOUDEST, LOUDEST)
        frame = self._av.AudioFrame.from_ndarray(  # not "fltp": PyAV fails with eight planes
            np.ascontiguousarray(block).reshape(1, -1),
            format="flt",
            layout=self._stream.codec_context.layout,
        )
        frame.sample_rate = rate
        start = getattr(self._like, "start", 0.0)
        frame.pts, frame.time_base = self._samples + round(start * rate), Fraction(1, rate)
        self._samples += len(block)
        self._copy_until(start + self._samples / rate)
        self._encode(frame)

    def _encode(self, frame: Any) -> None:
        def mux() -> None:
            for packet in self._stream.encode(frame):
                if self._has_priming or not _is_priming(packet):
                    self._out.mux(packet)

        self._attempt(mux)

    def _copy_until(self, seconds: float) -> None:
        if tracks := self._tracks:
            self._attempt(lambda: tracks.copy_until(seconds))

    def _attempt(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (*self._errors, ValueError) as error:
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
                self._pad()
                self._encode(None)
                self._copy_until(float("inf"))
                self._out.close()
                if self._like.path.is_file():
                    copy_mp4_tags(self._like.path, self._part)
                self._warn_of_changes()
                commit_part(self._part, self.path)
        except self._errors as problem:
            raise self._failed(problem) from problem
        finally:
            self._discard()

    def _pad(self) -> None:
        """Append silence where the format needs it to be read again."""
        name = self._out.format.name
        shortest = SHORTEST_ADTS if name == "adts" else SHORTEST
        if (tail := ASF_TAIL if name == "asf" else shortest - self._samples) > 0:
            self.write(np.zeros((tail, self._like.channels), np.float32))

    def _discard(self) -> None:
        for container in (getattr(self, "_out", None), self._tracks):
            try:
                if container is not None:
                    container.close()
            except self._errors:
                pass
        self._part.unlink(missing_ok=True)

    def _failed(self, error: Exception) -> RtdenoiseError:
        return incomplete(self.path, self._part, error)


def _track_index(like: Any, errors: Any) -> int | None:
    """Return the index of the denoised track in the input; None if FFmpeg cannot read it."""
    if isinstance(like, MediaReader):
        return int(like.stream.index)
    if not like.path.is_file():  # a pipe
        return None
    try:
        with open_container(like.path) as container:
            return next((int(stream.index) for stream in container.streams.audio), None)
    except (*errors, RtdenoiseError, ValueError):
        return None


def _has_quicktime_tags(like: Any) -> bool:
    """Return whether a file has tags such as a telephone's place and model."""
    return isinstance(like, MediaReader) and any(
        key.startswith("com.apple.quicktime.") for key in like.container.metadata
    )


def _is_priming(packet: Any) -> bool:
    """Return whether most of a packet is before time 0; one with less there is moved to 0."""
    if packet.pts is None or packet.pts >= 0:
        return False
    if packet.pts + (packet.duration or 0) / 2 <= 0:
        return True
    packet.pts = packet.dts = 0
    return False


def _layout(like: Any) -> str:
    """Return FFmpeg's name of the channels' places; the usual ones if the input states none."""
    name = like.stream.codec_context.layout.name if isinstance(like, MediaReader) else ""
    return LAYOUTS[like.channels] if not name or name.endswith(" channels") else name


def _nearest_rate(codec: Any, rate: int, allowed: tuple[int, ...] | None = None) -> int:
    """Return `rate`, or the lowest higher one that encoder and muxer hold, or the highest."""
    rates = codec.audio_rates or allowed or [rate]
    rates = [r for r in rates if allowed is None or r in allowed] or rates
    return int(min((r for r in rates if r >= rate), default=max(rates)))


def _sample_format(codec: Any, subtype: str) -> str:
    """Return the encoder's sample format for at least the bits of `subtype`."""
    names = [form.name for form in codec.audio_formats]
    wide = [name for name in names if name[:3] in ("s32", "flt", "dbl")]
    narrow = [name for name in names if name not in wide]
    floating = [name for name in wide if name[:3] != "s32"]
    if subtype in ("PCM_U8", "PCM_S8", "PCM_16"):
        return (floating or narrow or wide)[0]
    return (wide or narrow)[0]
