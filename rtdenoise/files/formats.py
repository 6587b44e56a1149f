"""Chooses the reader and the writer for a file name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .audio_reader import AudioReader
from .audio_writer import AudioWriter
from .media_reader import MEDIA_SUFFIXES, MediaReader, is_media
from .media_writer import MediaWriter
from .paths import PIPE

Audio = NDArray[np.float32]
AUDIO_SUFFIXES = MEDIA_SUFFIXES | frozenset(
    f".{name}"
    for name in "wav wave rf64 w64 flac ogg oga opus mp3 aif aiff aifc caf au snd voc".split()
)


class Reader(Protocol):
    """Audio that is read in blocks."""

    path: Path
    sample_rate: int  # Hz
    channels: int
    frames: int  # from the header, 0 if unknown
    frames_read: int  # including skipped ones

    def skip(self, frames: int) -> None:
        """Skip the first frames. Call this before `blocks`."""

    def blocks(self, size: int) -> Iterator[Audio]:
        """Yield blocks [frames, channels]."""
        ...

    def __enter__(self) -> Any:
        """Return the object itself: the constructor opened it."""

    def __exit__(self, *_: object) -> None:
        """Close the file."""


class Writer(Protocol):
    """Takes blocks; the output file appears when it is complete."""

    def write(self, block: Audio) -> None:
        """Append [frames, channels]."""

    def __enter__(self) -> Any:
        """Return the object itself: the constructor opened it."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file, or remove it after an error."""


def open_reader(path: Path) -> Reader:
    """Open an audio file, the first audio track of a video, or stdin (`-`)."""
    return MediaReader(path) if is_media(path) and path.is_file() else AudioReader(path)


def open_writer(path: Path, like: Any) -> Writer:
    """Open the output file (`-`: stdout), with the format of the reader `like` where possible."""
    if path == PIPE:
        from .pipe_writer import PipeWriter

        return PipeWriter(like)
    return MediaWriter(path, like) if is_media(path) else AudioWriter(path, like)
