"""Writes WAV to stdout (`-`) or a named pipe, so that rtdenoise can be part of a pipeline."""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from ..errors import RtdenoiseError
from .audio_format import encoded
from .paths import PIPE, standard_stream

if sys.platform != "win32":
    import fcntl

Audio = NDArray[np.float32]
# subtype: (format tag, bits) of the WAV header
SUBTYPES = {
    "PCM_U8": (1, 8),
    "PCM_16": (1, 16),
    "PCM_24": (1, 24),
    "PCM_32": (1, 32),
    "FLOAT": (3, 32),
    "DOUBLE": (3, 64),
}
HEADER = 44  # bytes
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
UNKNOWN_LENGTH = 0xFFFFFFFF  # what ffmpeg writes when it cannot seek back to the header


class PipeWriter:
    """Writes WAV to stdout or to a named pipe, with rate, channels and subtype of `like`.

    The header states no length, because a pipe cannot be rewound. Where stdout is a file
    (`> out.wav`, `>> out.wav`), the length is written into it at the end.
    """

    def __init__(self, path: Path, like: Any) -> None:
        """Write the header. Raises RtdenoiseError if stdout is a terminal or closed."""
        self._subtype = like.subtype if like.subtype in SUBTYPES else "PCM_16"
        self._path, self._to_stdout, self._rate = path, path == PIPE, like.sample_rate
        self._descriptor, self._written = self._open(), 0
        self._start = _file_position(self._descriptor)  # of the header; None in a pipe
        self._write_all(wav_header(like.sample_rate, like.channels, self._subtype))

    def _open(self) -> int:
        if not self._to_stdout:
            return os.open(self._path, os.O_WRONLY)  # waits for the reading program
        descriptor = standard_stream("stdout")
        if os.isatty(descriptor):
            raise RtdenoiseError("stdout is a terminal: give a file name, or pipe to a program")
        sys.stdout.flush()
        return descriptor

    def write(self, block: Audio) -> None:
        """Append [frames, channels]. Raises RtdenoiseError if the reading program has exited."""
        buffer = io.BytesIO()
        sf.write(buffer, encoded(block, self._subtype), self._rate, self._subtype, "LITTLE", "RAW")
        data = buffer.getvalue()
        self._write_all(data)
        self._written += len(data)

    def __enter__(self) -> PipeWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None and self._start is not None:
                self._write_length(self._start)
        finally:
            if not self._to_stdout:
                os.close(self._descriptor)

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:  # a full pipe that another program has made non-blocking
                select.select([], [self._descriptor], [])
            except OSError as error:
                raise self._failed(error) from error

    def _failed(self, error: OSError) -> RtdenoiseError:
        name = "stdout" if self._to_stdout else str(self._path)
        if isinstance(error, BrokenPipeError):
            return RtdenoiseError(f"the program that reads {name} has exited")
        hint = ": free some disk space" if error.errno in DISK_FULL else ""
        return RtdenoiseError(f"{name} cannot be written ({error.strerror}){hint}")

    def _write_length(self, start: int) -> None:
        """Write the sizes into the header, if they are not too large for it."""
        if self._written + HEADER - 8 >= UNKNOWN_LENGTH:
            return
        flags = _clear_append(self._descriptor)
        try:
            for offset, size in ((4, self._written + HEADER - 8), (40, self._written)):
                os.pwrite(self._descriptor, struct.pack("<I", size), start + offset)
        except OSError as error:
            raise self._failed(error) from error
        finally:
            _restore_flags(self._descriptor, flags)


def _file_position(descriptor: int) -> int | None:
    """Return where the next byte goes in a regular file; None for pipes and devices."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode) or os.name == "nt":
        return None
    appends = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
    return os.lseek(descriptor, 0, os.SEEK_END if appends else os.SEEK_CUR)


def _clear_append(descriptor: int) -> int:
    """Let `pwrite` write at its offset also after `>>`; return the flags before."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags & ~os.O_APPEND)
    return flags


def _restore_flags(descriptor: int, flags: int) -> None:
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)


def wav_header(sample_rate: int, channels: int, subtype: str) -> bytes:
    """Return a 44-byte WAV header for data of unknown length."""
    tag, bits = SUBTYPES[subtype]
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, sample_rate, sample_rate * frame, frame, bits)
    data = (
        b"WAVEfmt "
        + struct.pack("<I", len(form))
        + form
        + b"data"
        + struct.pack("<I", UNKNOWN_LENGTH)
    )
    return b"RIFF" + struct.pack("<I", UNKNOWN_LENGTH) + data
