"""Writes WAV to stdout (file name `-`), so that rtdenoise can be part of an ffmpeg pipeline."""

from __future__ import annotations

import os
import stat
import struct
import sys
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from ..errors import RtdenoiseError

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
UNKNOWN_LENGTH = 0xFFFFFFFF  # what ffmpeg writes when it cannot seek back to the header


class PipeWriter:
    """Writes WAV of unknown length to stdout, with rate, channels and subtype of `like`."""

    def __init__(self, like: Any) -> None:
        """Write the header. Raises RtdenoiseError if stdout is a terminal or closed."""
        if sys.stdout.isatty():
            raise RtdenoiseError("stdout is a terminal: give a file name, or pipe to a program")
        subtype = like.subtype if like.subtype in SUBTYPES else "PCM_16"
        sys.stdout.flush()
        self._descriptor = sys.stdout.fileno()
        # A regular file (`> out.wav`) gets a header with its length; a pipe cannot be rewound.
        to_file = stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        if not to_file:
            self._write_raw(wav_header(like.sample_rate, like.channels, subtype))
        self._file = sf.SoundFile(
            self._descriptor,
            "w",
            like.sample_rate,
            like.channels,
            subtype,
            "LITTLE",
            "WAV" if to_file else "RAW",
            closefd=False,
        )

    def write(self, block: Audio) -> None:
        """Append [frames, channels]."""
        try:
            self._file.write(block)
        except (sf.SoundFileError, OSError) as error:
            raise RtdenoiseError("the program that reads stdout has exited") from error

    def __enter__(self) -> PipeWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _write_raw(self, data: bytes) -> None:
        try:
            os.write(self._descriptor, data)
        except OSError as error:
            raise RtdenoiseError("the program that reads stdout has exited") from error


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
