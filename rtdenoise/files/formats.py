"""Chooses the reader and the writer for a file name."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .audio_reader import AudioReader
from .audio_writer import AudioWriter
from .media_reader import MEDIA_SUFFIXES, MediaReader, is_media
from .media_writer import MediaWriter
from .paths import PIPE, STDIN, STDOUT, check_space, is_fifo, suffix_of
from .pipe_reader import PipeSource

Audio = NDArray[np.float32]
UNCOMPRESSED = frozenset("wav wave rf64 w64 aif aiff aifc au snd".split())
SAMPLE_BYTES = {"PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
MAX_EXPANSION = 1000  # of a compressed file, in size
AUDIO_SUFFIXES = frozenset(
    f".{name}"
    for name in [
        *MEDIA_SUFFIXES,
        *"wav wave rf64 w64 flac ogg oga opus mp3 aif aiff aifc caf au snd voc".split(),
    ]
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


def open_reader(path: Path, track: int | None = None) -> Reader:
    """Open an audio file, a sound track of a video, stdin (`-`) or a named pipe.

    `track` counts sound tracks from 1; None is the default track. A file that libsndfile cannot
    read is tried with PyAV, whatever its suffix.
    """
    if path in STDIN:
        return _open_pipe(PIPE, track)
    return _open_pipe(path, track) if is_fifo(path) else _open_file(path, track)


def _open_pipe(path: Path, track: int | None) -> Reader:
    pipe = PipeSource(path)
    try:
        if pipe.copy is None:
            return AudioReader(path, pipe)
        reader = _open_file(pipe.copy, track)
    except BaseException as error:
        pipe.close()
        if isinstance(error, RtdenoiseError):
            raise RtdenoiseError(str(error).replace(str(pipe.copy), str(path))) from error
        raise
    weakref.finalize(reader, pipe.close)  # removes the copy
    return reader


def _open_file(path: Path, track: int | None) -> Reader:
    if is_media(path) and path.is_file():
        return MediaReader(path, track)
    try:
        reader = AudioReader(path)
    except RtdenoiseError as error:
        if not path.is_file() or not path.stat().st_size:
            raise
        try:
            return MediaReader(path, track)
        except RtdenoiseError:
            raise error from None
    if track not in (None, 1):
        reader.__exit__()
        raise RtdenoiseError(f"{path} has one sound track: leave out --track {track}")
    return reader


def open_writer(path: Path, like: Any, frames: int = 0) -> Writer:
    """Open the output file, with the format of the reader `like` where possible.

    stdout (`-`) and named pipes get WAV. Raises RtdenoiseError if the format or the folder cannot
    be used, or if the disk has no room for `frames` (0: unknown).
    """
    if path in STDOUT or is_fifo(path):
        from .pipe_writer import PipeWriter

        return PipeWriter(PIPE if path in STDOUT else path, like)
    check_space(path, _expected_size(path, like, frames))
    return MediaWriter(path, like) if is_media(path) else AudioWriter(path, like)


def _expected_size(path: Path, like: Any, frames: int) -> int:
    """Return the least size of the output in bytes, or 0 if it cannot be known.

    A damaged header may state any number of frames, so the size of the input counts as well.
    """
    size = like.path.stat().st_size if like.path.is_file() else 0
    if is_media(path) and isinstance(like, MediaReader):
        return size // 2  # the other tracks are copied
    if suffix_of(path) not in UNCOMPRESSED:
        return 0
    expected = frames * like.channels * SAMPLE_BYTES.get(like.subtype, 1)
    return min(expected, MAX_EXPANSION * size)
