"""Writes an audio file atomically, in the format of the input file."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .atomic_write import commit_part, create_part, incomplete
from .audio_format import AudioFormat, channel_order, choose_format, encoded, fewer_bits
from .audio_reader import AudioReader
from .paths import file_name, reason, visible_path
from .tags import copy_tags, lost_names, lost_tags, same_family

Audio = NDArray[np.float32]
MOST_NAMES = 10  # of tags in a warning
MOST_FRAMES = 1 << 16  # at once: libvorbis puts them on the stack, where 32 s at 96 kHz do not fit


class AudioWriter:
    """Writes to a temporary file and renames it at the end, so that no partial output remains."""

    def __init__(self, path: str | Path, like: Any) -> None:
        """Open for writing with the rate, channels, format, subtype and tags of `like`."""
        self.path, self._like, self._frames = Path(path), like, 0
        form = choose_format(self.path, like)
        self._part = create_part(self.path)
        self._file = self._open(form)
        self._resampler = None
        if form.sample_rate != like.sample_rate:
            self._resampler = soxr.ResampleStream(
                like.sample_rate, form.sample_rate, like.channels, dtype="float32"
            )
        order = channel_order(form.container, like.channels)
        self._order = None if order is None else np.argsort(order)
        self._copies_tags = like.path.is_file() and same_family(like.format, form.container)
        changes = [*form.changes, fewer_bits(self._file.subtype, like)]
        if form.container == like.format == "OGG" and like.subtype not in ("VORBIS", "OPUS"):
            changes.append(f"its sound is {self._file.subtype.lower()}")  # not FLAC or Speex
        if not self._copies_tags:
            for tag, value in like.tags.items():
                setattr(self._file, tag, value)
            others = getattr(like, "others", None)  # of a video
            lost = others() if others else lost_tags(like.path, like.format)
            lost += [] if others else lost_names(like.path, like.format)
            if lost:
                changes.append(f"not kept: {_listed(lost)}")
        if text := "; ".join(filter(None, changes)):
            warnings.warn(f"{visible_path(self.path)}: {text}", stacklevel=4)

    def _open(self, form: AudioFormat) -> sf.SoundFile:
        """Open with the first subtype that takes this rate and these channels."""
        like, problem = self._like, None
        endian = like.endian if form.container == like.format else "FILE"
        for subtype in form.subtypes:
            try:
                return sf.SoundFile(
                    file_name(self._part),
                    "w",
                    form.sample_rate,
                    like.channels,
                    subtype,
                    endian,
                    form.container,
                    **form.settings,
                )
            except (sf.SoundFileError, OSError, ValueError, TypeError) as error:
                problem = problem or error
        self._part.unlink(missing_ok=True)
        raise self._unwritable(problem or ValueError("no sample format fits")) from problem

    def _unwritable(self, error: Exception) -> RtdenoiseError:
        return RtdenoiseError(
            f"{self.path} cannot be written ({reason(error)}): choose another format"
        )

    def write(self, block: Audio) -> None:
        """Append [frames, channels]. Raises RtdenoiseError if the disk is full."""
        if self._resampler is not None:
            block = self._resampler.resample_chunk(np.ascontiguousarray(block))
        self._append(block)

    def _append(self, block: Audio) -> None:
        if self._order is not None:
            block = block[:, self._order]
        try:
            for start in range(0, len(block), MOST_FRAMES):
                piece = block[start : start + MOST_FRAMES]
                self._file.write(encoded(piece, self._file.subtype))
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
            if kind is None and self._resampler is not None:
                rest = np.zeros((0, self._like.channels), np.float32)
                self._append(self._resampler.resample_chunk(rest, last=True))
            self._file.close()
            if kind is None:
                self._commit()
        except (sf.SoundFileError, OSError) as problem:
            if kind is None:
                raise self._failed(problem) from problem
        finally:
            self._file.close()
            self._part.unlink(missing_ok=True)

    def _commit(self) -> None:
        # libsndfile does not report every short write: count the frames on disk.
        if sf.info(file_name(self._part)).frames < self._frames:
            raise OSError("not all samples were written")
        if self._copies_tags:
            is_cut = isinstance(self._like, AudioReader) and self._like.frames
            whole = not is_cut or self._frames == self._like.frames
            if lost := copy_tags(self._like.path, self._part, self._file.format, whole):
                text = f"{visible_path(self.path)}: not kept: {', '.join(lost)}"
                warnings.warn(text, stacklevel=4)
        commit_part(self._part, self.path)

    def _failed(self, error: Exception) -> RtdenoiseError:
        return incomplete(self.path, self._part, error)


def _listed(names: list[str]) -> str:
    """Return names with commas; those after `MOST_NAMES` are counted."""
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
