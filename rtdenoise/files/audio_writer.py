"""Writes an audio file atomically, in the format of the input file."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .atomic_write import create_part, incomplete
from .audio_reader import AudioReader
from .paths import file_name, reason

Audio = NDArray[np.float32]
# Not kept in another container: libsndfile claims to write MP3 into WAV, and then does not.
TIED_SUBTYPES = {"OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"}


class AudioWriter:
    """Writes to a temporary file and renames it at the end, so that no partial output remains."""

    def __init__(self, path: str | Path, like: AudioReader) -> None:
        """Open for writing with the rate, channels, format, subtype and tags of `like`."""
        self.path, self._frames = Path(path), 0
        container, subtype = _output_format(self.path, like)
        self._part = create_part(self.path)
        try:
            self._file = sf.SoundFile(
                file_name(self._part),
                "w",
                like.sample_rate,
                like.channels,
                subtype,
                like.endian if container == like.format else "FILE",
                container,
            )
        except (sf.SoundFileError, OSError, ValueError, TypeError) as error:
            self._part.unlink(missing_ok=True)
            raise RtdenoiseError(
                f"{path} cannot be written ({reason(error)}): choose another format"
            ) from error
        for tag, value in like.tags.items():
            setattr(self._file, tag, value)

    def write(self, block: Audio) -> None:
        """Append [frames, channels]. Raises RtdenoiseError if the disk is full."""
        try:
            self._file.write(block)
        except (sf.SoundFileError, OSError) as error:
            raise self._failed(error) from error
        self._frames += len(block)

    def __enter__(self) -> AudioWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                self._commit()
        except (sf.SoundFileError, OSError) as problem:
            if kind is None:
                raise self._failed(problem) from problem
        finally:
            self._part.unlink(missing_ok=True)

    def _commit(self) -> None:
        # libsndfile does not report every short write: count the frames on disk.
        if sf.info(file_name(self._part)).frames < self._frames:
            raise OSError("not all samples were written")
        with open(self._part, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(self._part, self.path)

    def _failed(self, error: Exception) -> RtdenoiseError:
        return incomplete(self.path, self._part, error)


def _output_format(path: Path, like: AudioReader) -> tuple[str, str]:
    """Return format and subtype: the input's if the suffix allows it, else the suffix's default."""
    known = {
        "WAV": ("WAV", "WAVEX", "RF64", "W64"),
        "OGG": ("OGG",),
        "OPUS": ("OGG",),
        "AIF": ("AIFF",),
        "AIFC": ("AIFF",),
    }
    suffix = path.suffix[1:].upper()
    formats = known.get(suffix, (suffix,))
    if like.format in formats and (suffix == "OPUS") == (like.subtype == "OPUS"):
        return like.format, like.subtype
    container = formats[0]
    if container not in sf.available_formats():
        raise RtdenoiseError(
            f"the format of {path.name!r} is not supported: use .wav, .flac, .ogg, "
            ".opus, .mp3, .aiff or .caf"
        )
    if suffix == "OPUS":
        return container, "OPUS"
    if sf.check_format(container, like.subtype) and like.subtype not in TIED_SUBTYPES:
        return container, like.subtype
    return container, sf.default_subtype(container)
