"""Reads audio files in blocks. Damaged files are read as far as they can be decoded."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .audio_format import channel_order
from .paths import check_input, check_sound, file_name, reason
from .pipe_reader import PipeSource
from .tags import id3_size
from .unfinished import MendedFile, mend

Audio = NDArray[np.float32]
SKIP_FRAMES = 48_000  # read at once where a pipe cannot seek
UNKNOWN_FRAMES = 1 << 60  # libsndfile's number for a FLAC file without one is above this
XING_SEARCH = 4096  # bytes of the first MPEG frame, which holds Xing, Info or VBRI
MP3_DELAY = 2304  # frames: two of MP3's blocks
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
        self.frames_read = 0

    def _open(self) -> sf.SoundFile:
        """Open the file. Where its header states no length, everything up to its end is read."""
        if self._pipe:
            return sf.SoundFile(self._pipe.descriptor, closefd=False)
        self._mended = mend(self.path) if self.path.is_file() else None
        return sf.SoundFile(file_name(self.path) if self._mended is None else self._mended)

    def bit_rate(self) -> int:
        """Return the bits per second of the samples, rounded to whole kbit/s; 0 if unknown."""
        if not self.frames:
            return 0
        size = self.path.stat().st_size - id3_size(self.path)
        return round(8 * size * self.sample_rate / self.frames / 1000) * 1000

    @property
    def variable_bit_rate(self) -> bool:
        """Whether an MP3 file says that its bit rate varies."""
        with open(self.path, "rb") as handle:
            handle.seek(id3_size(self.path))
            start = handle.read(XING_SEARCH)
        return b"Xing" in start or b"VBRI" in start

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
        while True:
            try:
                block = self._file.read(size, dtype="float32", always_2d=True)
            except (sf.SoundFileError, RuntimeError) as error:
                if not self._piped:
                    yield from self._salvage(size)
                self._warn_incomplete(reason(error))
                return
            if self._order:
                block = block[:, self._order]
            if not len(block):
                if self._pipe and self._pipe.interrupted:
                    raise RtdenoiseError(f"{self.path} was interrupted by a signal")
                break
            self.frames_read += len(block)
            yield block
        if not self.frames_read:
            raise RtdenoiseError(f"{self.path} contains no audio: record or copy it again")
        if self._mended is not None:
            if self._mended.problem:
                warnings.warn(
                    f"{self.path} {self._mended.problem}: all "
                    f"{self.frames_read / self.sample_rate:.2f} s in it are denoised",
                    stacklevel=2,
                )
            return
        if self._is_short() or (not self._piped and _wav_is_cut_off(self.path)):
            self._warn_incomplete("the end is missing")

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
            if self._order:
                block = block[:, self._order]
            self.frames_read += len(block)
            yield block

    def _is_short(self) -> bool:
        """Return whether frames are missing. MP3 within WAV states too many in whole files."""
        rounding = MP3_DELAY if "MPEG" in self.subtype and self.format != "MP3" else 0
        return self.frames_read < self.frames - rounding

    def _warn_incomplete(self, why: str) -> None:
        if not self.frames_read:
            raise RtdenoiseError(f"{self.path} contains no decodable audio ({why}): copy it again")
        seconds = self.frames_read / self.sample_rate
        warnings.warn(
            f"{self.path} is cut off or damaged ({why}): the first {seconds:.2f} s are denoised",
            stacklevel=2,
        )

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


def _wav_is_cut_off(path: Path) -> bool:
    """Return whether a WAV file is shorter than its header says. libsndfile does not report it."""
    with open(path, "rb") as handle:
        head = handle.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return False
    declared = struct.unpack("<I", head[4:8])[0] + 8
    return declared - 8 < 0xFFFFFFF0 and declared > path.stat().st_size + 1
