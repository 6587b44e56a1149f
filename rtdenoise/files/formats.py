"""Which reader and which writer a name asks for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .audio_reader import AudioReader
from .audio_writer import AudioWriter
from .media_reader import MediaReader, is_media
from .media_writer import MediaWriter
from .paths import PIPE

Audio = NDArray[np.float32]


class Reader(Protocol):
    """Sound as blocks."""

    path: Path
    sample_rate: int  # Hz
    channels: int
    frames: int  # as declared, 0 where unknown
    read: int  # frames given or skipped so far

    def skip(self, frames: int) -> None:
        """Pass over the first frames."""

    def blocks(self, size: int) -> Iterator[Audio]:
        """Yield blocks [frames, channels]."""
        ...

    def __enter__(self) -> Any:
        """Open it was already."""

    def __exit__(self, *_: object) -> None:
        """Close it."""


class Writer(Protocol):
    """Where blocks go; what is written appears when it is complete."""

    def write(self, block: Audio) -> None:
        """Append [frames, channels]."""

    def __enter__(self) -> Any:
        """Open it was already."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish it, or leave nothing behind."""


def open_reader(path: Path) -> Reader:
    """Open a sound file, the sound of a video, or stdin as `-`."""
    return MediaReader(path) if is_media(path) and path.is_file() else AudioReader(path)


def open_writer(path: Path, like: Any) -> Writer:
    """Open the output for the sound of the reader `like`; `-` is stdout."""
    if path == PIPE:
        from .pipe_writer import PipeWriter

        return PipeWriter(like)
    return MediaWriter(path, like) if is_media(path) else AudioWriter(path, like)
