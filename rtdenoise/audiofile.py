"""Audio files as streams of blocks: a reader that survives damage, an all-or-nothing writer."""

from __future__ import annotations

import os
import re
import struct
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from .errors import RtdenoiseError

Audio = NDArray[np.float32]
MAX_CHANNELS = 8
PIPE = Path("-")  # stdin, or stdout
SMALL = 256  # frames: less than a block of any codec
PART = re.compile(r"^\..+\.(\d+)\.part$")  # names by `part_path`; the group is the process
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


def part_path(path: Path) -> Path:
    """Return the name under which `path` is written until it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give the name to write to; after that `path` is whole, or as it was before.

    Raises RtdenoiseError where the place cannot be written.
    """
    part = part_path(path)
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise RtdenoiseError(f"{path} cannot be written ({error.strerror}): choose another") from (
            error
        )
    finally:
        part.unlink(missing_ok=True)


class AudioReader:
    """Reads blocks [frames, channels] of float32. What can be decoded is given, then a warning."""

    def __init__(self, path: str | Path) -> None:
        """Open a file, or stdin as `-`. Raises RtdenoiseError on what is no audio."""
        self.path = Path(path)
        self._piped = self.path == PIPE
        if not self._piped:
            _check_input(self.path)
        try:
            source = sys.stdin.fileno() if self._piped else self.path
            self._file = sf.SoundFile(source, closefd=not self._piped)
        except (sf.SoundFileError, OSError) as error:
            raise RtdenoiseError(
                f"{path} cannot be read as audio ({reason(error)}): give a WAV, FLAC, OGG, Opus, "
                "MP3, AIFF or CAF file, or convert it with ffmpeg"
            ) from error
        if not 1 <= self._file.channels <= MAX_CHANNELS:
            raise RtdenoiseError(
                f"{path} has {self._file.channels} channels: 1 to {MAX_CHANNELS} are handled; "
                "split it first"
            )
        self.sample_rate, self.channels = self._file.samplerate, self._file.channels
        self.frames = 0 if self._piped else self._file.frames  # as declared; fewer may come
        self.format, self.subtype = self._file.format, self._file.subtype
        self.endian = self._file.endian
        self.tags = {tag: getattr(self._file, tag) for tag in TAGS if getattr(self._file, tag, "")}
        self.read = 0  # frames given so far

    def skip(self, frames: int) -> None:
        """Pass over the first `frames`, before the first block."""
        if not self._piped and self._file.seekable():
            self._file.seek(min(frames, self.frames))
            self.read = min(frames, self.frames)
        while self.read < frames and (got := len(self._file.read(min(frames - self.read, 48_000)))):
            self.read += got

    def blocks(self, size: int) -> Iterator[Audio]:
        """Yield blocks of up to `size` frames until the end, or until decoding fails."""
        while True:
            try:
                block = self._file.read(size, dtype="float32", always_2d=True)
            except (sf.SoundFileError, RuntimeError) as error:
                if not self._piped:
                    yield from self._salvage(size)
                self._stop(reason(error))
                return
            if not len(block):
                break
            self.read += len(block)
            yield block
        if not self.read:
            raise RtdenoiseError(f"{self.path} holds no audio: record or copy it again")
        if self.read < self.frames or (not self._piped and _wav_is_cut_off(self.path)):
            self._stop("the end is missing")

    def _salvage(self, size: int) -> Iterator[Audio]:
        """Yield what can be decoded before the damage: libsndfile drops the whole block it hit."""
        with sf.SoundFile(self.path) as file:
            pieces, skip = [], self.read
            try:
                while skip:  # read, not seek: a damaged file may not be seekable
                    skip -= len(file.read(min(skip, SMALL)))
                while len(piece := file.read(SMALL, dtype="float32", always_2d=True)):
                    pieces.append(piece)
            except (sf.SoundFileError, RuntimeError):
                pass
        for start in range(0, len(pieces), max(1, size // SMALL)):
            block = np.concatenate(pieces[start : start + max(1, size // SMALL)])
            self.read += len(block)
            yield block

    def _stop(self, why: str) -> None:
        if not self.read:
            raise RtdenoiseError(f"{self.path} holds no decodable audio ({why}): copy it again")
        seconds = self.read / self.sample_rate
        warnings.warn(
            f"{self.path} is cut off or damaged ({why}): the first {seconds:.2f} s are denoised",
            stacklevel=2,
        )

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class AudioWriter:
    """Writes beside the target and renames at the end, so that OUT is whole or absent."""

    def __init__(self, path: str | Path, like: AudioReader) -> None:
        """Open for writing with the rate, channels, format, subtype and tags of `like`."""
        self.path, self._frames = Path(path), 0
        container, subtype = _output_format(self.path, like)
        self._part = part_path(self.path)
        try:
            self._file = sf.SoundFile(
                self._part,
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
                f"{path} cannot be written ({reason(error)}): choose another folder or format"
            ) from error
        for tag, value in like.tags.items():
            setattr(self._file, tag, value)

    def write(self, block: Audio) -> None:
        """Append [frames, channels]. Raises RtdenoiseError when the disk is full."""
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
        # libsndfile does not report every short write: count what really arrived.
        if sf.info(self._part).frames < self._frames:
            raise OSError("not all samples arrived")
        with open(self._part, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(self._part, self.path)

    def _failed(self, error: Exception) -> RtdenoiseError:
        return RtdenoiseError(
            f"{self.path} could not be written completely ({reason(error)}): free some disk "
            "space; nothing was left behind"
        )


def _check_input(path: Path) -> None:
    if not path.exists():
        raise RtdenoiseError(f"{path} does not exist: check the path")
    if path.is_dir():
        raise RtdenoiseError(f"{path} is a folder: give an audio file")
    if path.stat().st_size == 0:
        raise RtdenoiseError(f"{path} is empty: record or copy it again")


def check_output(source: Path, target: Path, force: bool) -> None:
    """Refuse a target that is the source, a folder, in no folder, or there already."""
    if target == PIPE:
        return
    if target.exists() and source.exists() and target.samefile(source):
        raise RtdenoiseError(f"{target} is the input itself: choose another name for the output")
    if target.is_dir():
        raise RtdenoiseError(f"{target} is a folder: give a file name for the output")
    if not target.parent.is_dir():
        raise RtdenoiseError(f"the folder {target.parent} does not exist: create it first")
    if target.exists() and not target.is_file():
        raise RtdenoiseError(f"{target} is no regular file: choose another name for the output")
    if target.exists() and not force:
        raise RtdenoiseError(f"{target} exists: use --force to replace it")
    if not os.access(target.parent, os.W_OK):
        raise RtdenoiseError(f"the folder {target.parent} cannot be written: choose another one")


def _output_format(path: Path, like: AudioReader) -> tuple[str, str]:
    """Keep the input's format where the name allows it, else take the one the name asks for."""
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
            f"{path.name!r} does not name a format that can be written: use .wav, .flac, .ogg, "
            ".opus, .mp3, .aiff or .caf"
        )
    if suffix == "OPUS":
        return container, "OPUS"
    if sf.check_format(container, like.subtype) and like.subtype != "OPUS":
        return container, like.subtype
    return container, sf.default_subtype(container)


def _wav_is_cut_off(path: Path) -> bool:
    """Return whether a WAV file is shorter than its header says (libsndfile does not tell)."""
    with open(path, "rb") as handle:
        head = handle.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return False
    declared = struct.unpack("<I", head[4:8])[0] + 8
    return declared - 8 < 0xFFFFFFF0 and declared > path.stat().st_size + 1


def reason(error: Exception) -> str:
    """Return what a library says went wrong, short and on one line."""
    text = str(getattr(error, "strerror", None) or getattr(error, "error_string", None) or error)
    return " ".join(text.split()).rstrip(".:")[:120]
