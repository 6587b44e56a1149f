"""Reads audio files in blocks. Damaged files are read as far as they can be decoded."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .audio_format import channel_order
from .id3 import id3_size, id3v22_tags
from .media_reader import MediaReader
from .mp3_header import has_variable_bit_rate, states_length
from .ogg_pages import link_starts
from .paths import check_input, check_sound, file_name, reason
from .pipe_reader import PipeSource
from .unfinished import MendedFile, mend
from .wav_header import wav_is_cut_off

Audio = NDArray[np.float32]
SKIP_FRAMES = 48_000  # read at once where a pipe cannot seek
UNKNOWN_FRAMES = 1 << 60  # libsndfile's number for a FLAC file without one is above this
TRIES = 30  # openings of a file whose failure has no reason; beside busy threads a third have none
MP3_DELAY = 2304  # frames: two of MP3's blocks
LEAST_REST = 0.25  # s after damage; less is the rest of a block that was cut off
SALVAGE_FRAMES = 256  # shorter than a block of any codec
TAGS = (
    "title",
    "artist",
    "album",
    "comment",
    "copyright",
    "date",
    "genre",
    "tracknumber",
    "software",
    "license",
)


def _open_sound(source: Any) -> sf.SoundFile:
    """Open a sound; again and again while the failure has no reason.

    libsndfile keeps the reason of a failed opening in one place for all threads, and another
    thread's success wipes it (libsndfile, issue 610).
    """
    for _ in range(TRIES):
        try:
            return sf.SoundFile(source)
        except sf.LibsndfileError as error:
            if error.code:
                raise
    return sf.SoundFile(source)


class AudioReader:
    """Reads float32 blocks [frames, channels]; warns if the file is damaged or cut off."""

    def __init__(self, path: str | Path, pipe: PipeSource | None = None) -> None:
        """Open a file, or a WAV stream from a pipe. Raises RtdenoiseError if it is not audio."""
        self.path, self._pipe = Path(path), pipe
        self._piped = pipe is not None
        self._mended: MendedFile | None = None
        if pipe is None:
            check_input(self.path)
        try:
            self._file = self._open()
        except (sf.SoundFileError, OSError, TypeError) as error:  # TypeError: a file called .raw
            raise RtdenoiseError(
                f"{path} cannot be read as audio ({reason(error)}): give a WAV, FLAC, OGG, Opus, "
                "MP3, AIFF or CAF file, or convert it with ffmpeg"
            ) from error
        try:
            check_sound(self.path, self._file.samplerate, self._file.channels)
        except RtdenoiseError:
            self._close()
            raise
        self.sample_rate, self.channels = self._file.samplerate, self._file.channels
        known = not self._piped and self._file.frames < UNKNOWN_FRAMES
        self.frames = self._file.frames if known else 0  # from the header; may be too many
        self.format, self.subtype = self._file.format, self._file.subtype
        self.endian = self._file.endian
        self._order = channel_order(self.format, self.channels)
        self.tags = {tag: getattr(self._file, tag) for tag in TAGS if getattr(self._file, tag, "")}
        if self.format == "MP3" and not self._piped:
            self.tags = id3v22_tags(self.path) | self.tags
        self.frames_read = 0
        self._links: list[int] | None = None  # where the rest of a chained Ogg file begins
        self._chained = False

    def _open(self) -> sf.SoundFile:
        """Open the file. Where its header states no length, everything up to its end is read."""
        if self._pipe:
            return sf.SoundFile(self._pipe.descriptor, closefd=False)
        self._mended = mend(self.path) if self.path.is_file() else None
        return _open_sound(file_name(self.path) if self._mended is None else self._mended)

    def bit_rate(self) -> int:
        """Return the bits per second of the samples, rounded to whole kbit/s; 0 if unknown."""
        if not self.frames:
            return 0
        size = self.path.stat().st_size - id3_size(self.path)
        return round(8 * size * self.sample_rate / self.frames / 1000) * 1000

    @property
    def variable_bit_rate(self) -> bool:
        """Whether an MP3 file says that its bit rate varies."""
        return has_variable_bit_rate(self.path)

    def skip(self, frames: int) -> None:
        """Skip the first `frames`. Call this before `blocks`.

        Raises RtdenoiseError if the file is damaged there.
        """
        if not self._piped and self._file.seekable():
            try:
                self._file.seek(min(frames, self.frames))
                self.frames_read = min(frames, self.frames)
            except sf.SoundFileError:  # damaged: what comes before the damage can still be read
                self._file.close()
                self._file = self._open()
        while (missing := frames - self.frames_read) > 0:
            try:
                count = len(self._file.read(min(missing, SKIP_FRAMES)))
            except (sf.SoundFileError, RuntimeError) as error:
                raise RtdenoiseError(
                    f"{self.path} is damaged before --start ({reason(error)}): "
                    "choose an earlier one"
                ) from error
            if not count:
                break
            self.frames_read += count

    def blocks(self, size: int) -> Iterator[Audio]:
        """Yield blocks of up to `size` frames until the end, or until decoding fails."""
        problem = ""
        try:
            for block in self._read_all(size):
                yield self._counted(block)
        except (sf.SoundFileError, RuntimeError) as error:
            problem = reason(error)
            if not self._piped:
                yield from map(self._counted, self._salvage(size))
        whole = self.frames_read
        if problem or self._length_is_estimated or self._misses_frames():
            yield from map(self._counted, self._rest(size))
        self._report(whole, problem)

    def _report(self, whole: int, problem: str) -> None:
        """Warn if the file is damaged. libsndfile read `whole` frames of it and met `problem`.

        Raises RtdenoiseError if there is no audio in it.
        """
        beyond = (self.frames_read - whole) / self.sample_rate
        if self._length_is_estimated and self.frames_read and not problem:
            return
        if beyond > LEAST_REST:
            self._warn(
                f"is damaged after {whole / self.sample_rate:.2f} s "
                f"({problem or 'its samples end too early'}): what can be read after that is "
                "denoised, too"
            )
        elif problem:
            self._warn_incomplete(problem)
        elif not self.frames_read:
            raise RtdenoiseError(f"{self.path} contains no audio: record or copy it again")
        elif self._mended is not None:
            if self._mended.problem:
                seconds = f"{self.frames_read / self.sample_rate:.2f} s"
                self._warn(f"{self._mended.problem}: all {seconds} in it are denoised")
        elif self._misses_frames() or (not self._piped and wav_is_cut_off(self.path)):
            self._warn_incomplete("the end is missing")

    def _counted(self, block: Audio) -> Audio:
        self.frames_read += len(block)
        return block

    def _read_all(self, size: int) -> Iterator[Audio]:
        """Yield blocks of this file and of the ones that are chained to it."""
        while True:
            while len(block := self._file.read(size, dtype="float32", always_2d=True)):
                yield block[:, self._order] if self._order else block
            if self._pipe and self._pipe.interrupted:
                raise RtdenoiseError(f"{self.path} was interrupted by a signal")
            if not self._open_next_link():
                return

    def _open_next_link(self) -> bool:
        """Open the next stream of a chained Ogg file; return whether there is one."""
        if self._links is None:
            is_ogg = self.format == "OGG" and not self._piped
            self._links = link_starts(self.path)[1:] if is_ogg else []
        if not self._links:
            return False
        link = MendedFile(self.path, b"", self._links.pop(0), "")
        file = sf.SoundFile(link)
        if (file.samplerate, file.channels) != (self.sample_rate, self.channels):
            self._warn("has parts of other rates or channels: only the first ones are denoised")
            return False
        self._file.close()
        self._file, self._chained = file, True
        return True

    def _rest(self, size: int) -> Iterator[Audio]:
        """Yield what FFmpeg can read after the damage at which libsndfile gives up."""
        if self._piped or self.format not in ("MP3", "FLAC", "OGG"):
            return
        skip = self.frames_read
        try:
            with MediaReader(self.path) as reader:
                reader.warns = False
                if (reader.sample_rate, reader.channels) != (self.sample_rate, self.channels):
                    return
                for block in reader.blocks(size):
                    if len(block) > skip:
                        yield block[skip:]
                    skip -= min(skip, len(block))
        except RtdenoiseError:  # no FFmpeg, or it finds nothing
            return

    def _salvage(self, size: int) -> Iterator[Audio]:
        """Yield what can be decoded before the damage; libsndfile drops that entire block."""
        with self._open() as file:
            chunks, skip = [], self.frames_read
            try:
                while skip:  # read instead of seek: a damaged file may not be seekable
                    skip -= len(file.read(min(skip, SALVAGE_FRAMES)))
                while len(chunk := file.read(SALVAGE_FRAMES, dtype="float32", always_2d=True)):
                    chunks.append(chunk)
            except (sf.SoundFileError, RuntimeError):
                pass
        for start in range(0, len(chunks), max(1, size // SALVAGE_FRAMES)):
            block = np.concatenate(chunks[start : start + max(1, size // SALVAGE_FRAMES)])
            yield block[:, self._order] if self._order else block

    def _misses_frames(self) -> bool:
        """Return whether there were fewer frames than the header states, or than is estimated.

        MP3 within WAV states too many in whole files.
        """
        rounding = MP3_DELAY if "MPEG" in self.subtype and self.format != "MP3" else 0
        return not self._chained and self.frames_read < self.frames - rounding

    @functools.cached_property
    def _length_is_estimated(self) -> bool:
        """Whether this is an MP3 file without a length: libsndfile stops at its estimate."""
        return self.format == "MP3" and not self._piped and not states_length(self.path)

    def _warn_incomplete(self, why: str) -> None:
        if not self.frames_read:
            raise RtdenoiseError(f"{self.path} contains no decodable audio ({why}): copy it again")
        seconds = self.frames_read / self.sample_rate
        self._warn(f"is cut off or damaged ({why}): the first {seconds:.2f} s are denoised")

    def _warn(self, text: str) -> None:
        warnings.warn(f"{self.path} {text}", stacklevel=2)

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self._file.close()
        if self._pipe:
            self._pipe.close()
        if self._mended is not None:
            self._mended.close()
