"""Reads video, m4a and other FFmpeg formats through PyAV: pip install 'rtdenoise[av]'.

IN  --demux--> first audio track --decode--> denoise --encode--> OUT
    \\-demux--> video, subtitles, other tracks ------copied------>/
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .paths import reason

Audio = NDArray[np.float32]
MEDIA_SUFFIXES = frozenset(
    f".{name}" for name in "mp4 m4v m4a m4b mov mkv mka webm avi ts aac wma wmv 3gp flv ac3".split()
)
MAX_GAP_SECONDS = 0.02  # longer gaps between time stamps are filled with silence


def is_media(path: Path) -> bool:
    """Return whether the suffix is one that PyAV reads and libsndfile does not."""
    return path.suffix.lower() in MEDIA_SUFFIXES


def import_av() -> Any:
    """Return PyAV. Raises RtdenoiseError if it is not installed."""
    try:
        import av
    except ImportError as error:
        raise RtdenoiseError(
            "video and m4a/aac files need PyAV: pip install 'rtdenoise[av]'"
        ) from error
    return av


class MediaReader:
    """The first audio track of a video or m4a file, with the interface of `AudioReader`."""

    format, subtype, endian = "", "PCM_16", "FILE"  # of a WAV or FLAC output

    def __init__(self, path: Path) -> None:
        """Open a file. Raises RtdenoiseError if it cannot be read or has no audio track."""
        av = import_av()
        self.path = path
        try:
            self.container = av.open(str(path))
        except (av.FFmpegError, OSError) as error:
            raise RtdenoiseError(
                f"{path} cannot be read ({reason(error)}): check the file"
            ) from error
        if not self.container.streams.audio:
            self.container.close()
            raise RtdenoiseError(f"{path} has no audio track: there is nothing to denoise")
        self.stream = self.container.streams.audio[0]
        context = self.stream.codec_context
        self.sample_rate, self.channels = context.sample_rate, context.layout.nb_channels
        duration = self.stream.duration and float(self.stream.duration * self.stream.time_base)
        duration = duration or (self.container.duration or 0) / av.time_base
        self.frames, self.frames_read = round(duration * self.sample_rate), 0
        self.tags: dict[str, str] = {}
        self.start = 0.0  # s: time stamp of the first sample

    def skip(self, frames: int) -> None:
        """Raise RtdenoiseError: video is not cut."""
        raise RtdenoiseError(
            f"{self.path}: --start and --end work with audio files only: cut the video with ffmpeg"
        )

    def blocks(self, size: int) -> Iterator[Audio]:
        """Yield blocks of at least `size` frames (the last may be shorter); gaps become silence."""
        chunks: list[Audio] = []
        count = 0
        for chunk in self._chunks():
            chunks.append(chunk)
            count += len(chunk)
            if count >= size:
                yield self._join(chunks)
                chunks, count = [], 0
        if chunks:
            yield self._join(chunks)
        if not self.frames_read:
            raise RtdenoiseError(f"{self.path} contains no decodable audio: check the file")

    def _join(self, chunks: list[Audio]) -> Audio:
        block = np.concatenate(chunks)
        self.frames_read += len(block)
        return block

    def _chunks(self) -> Iterator[Audio]:
        av = import_av()
        resampler = av.AudioResampler(format="fltp", layout=self.stream.codec_context.layout)
        done, first = 0, True
        try:
            for frame in self.container.decode(self.stream):
                if first and frame.pts is not None:
                    self.start, first = float(frame.pts * frame.time_base), False
                missing = 0  # frames
                if frame.pts is not None:
                    time = float(frame.pts * frame.time_base) - self.start
                    missing = round(time * self.sample_rate) - done
                if missing > MAX_GAP_SECONDS * self.sample_rate:
                    yield np.zeros((missing, self.channels), np.float32)
                    done += missing
                for part in resampler.resample(frame):
                    done += part.samples
                    yield np.ascontiguousarray(part.to_ndarray().T)
        except av.FFmpegError as error:
            warnings.warn(f"{self.path} is damaged ({reason(error)})", stacklevel=2)

    def __enter__(self) -> MediaReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()
