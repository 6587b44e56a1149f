"""Video, m4a and whatever else FFmpeg reads, through PyAV: pip install 'rtdenoise[av]'.

IN  --demux--> sound --decode--> denoise --encode--> OUT
    \\-demux--> picture, subtitles, other tracks -copied->/
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
SUFFIXES = frozenset(
    f".{name}" for name in "mp4 m4v m4a m4b mov mkv mka webm avi ts aac wma wmv 3gp flv ac3".split()
)
GAP = 0.02  # s without sound, by the time stamps, that are filled with silence


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
