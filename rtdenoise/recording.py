"""One recording from its first sample to its last: opening, blocks, and what is told about it.

    opening backwards -> blocks -> processor -> without its delay -> no more than is wanted

`Denoiser` runs files through `denoise_blocks`; arrays share the opening and the warnings.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import RtdenoiseError
from .files import Reader, Writer
from .processing import MAX_MAGNITUDE, Processor, mend

Audio = NDArray[np.float32]
ENERGY_FLOOR = 1e-9  # added to energies, so that digital silence has a level in dB
Progress = Callable[[int, int], None]  # frames done, frames in total (0 if unknown)


@dataclass
class FileResult:
    """The result of denoising a file."""

    seconds: float
    removed_db: float  # level of the input relative to that of the output


class _Output:
    """Drops the first `skip` frames of what comes, and writes `wanted` frames (None: all)."""

    def __init__(self, writer: Writer, skip: int, wanted: int | None) -> None:
        self._writer, self._skip, self._wanted = writer, skip, wanted
        self.written, self.energy = 0, ENERGY_FLOOR

    @property
    def is_complete(self) -> bool:
        return self.written == self._wanted

    def write(self, audio: Audio) -> None:
        skipped = min(self._skip, len(audio))
        self._skip -= skipped
        left = None if self._wanted is None else skipped + self._wanted - self.written
        audio = audio[skipped:left]
        self._writer.write(audio)
        self.written += len(audio)
        self.energy += _energy(audio)


def denoise_blocks(
    reader: Reader,
    writer: Writer,
    processor: Processor,
    progress: Progress | None,
    skipped: int,
    wanted: int | None,
    opening: int,
) -> FileResult:
    """Denoise a file in blocks: leave out `skipped` frames, and write `wanted` (None: all).

    Before that, the first `opening` frames are processed backwards. Raises RtdenoiseError if there
    is nothing to write.
    """
    output, energy = _Output(writer, processor.latency + skipped, wanted), ENERGY_FLOOR
    for block in reader.blocks(processor.max_block):
        if opening:
            processor.process(mirrored_opening(block, opening))
            opening = 0
        output.write(processor.process(block))
        energy += _energy(block)
        if progress:
            progress(reader.frames_read, reader.frames)
        if output.is_complete:
            break
    else:
        output.write(processor.flush())
    if not output.written:
        raise RtdenoiseError(f"{reader.path} has no audio after --start: choose an earlier one")
    seconds = output.written / reader.sample_rate
    return FileResult(seconds, 10 * math.log10(energy / output.energy))


def mirrored_opening(audio: Audio, frames: int) -> Audio:
    """Return the `frames` that a mirror image of `audio` [frames, channels] puts before it.

    A shorter `audio` is mirrored repeatedly. NaN and Inf become zero, to be counted only once.
    """
    audio, _ = mend(audio[: frames + 1])
    return np.pad(audio, ((frames, 0), (0, 0)), mode="reflect")[:frames]


def warn_mended(processor: Processor, what: str, stacklevel: int) -> None:
    """Warn in one line if samples were set to zero; `what` names the recording."""
    if processor.nonfinite:
        warnings.warn(
            f"{what}: {processor.nonfinite} samples were NaN, infinite or beyond "
            f"{MAX_MAGNITUDE:.0e}: set to zero",
            stacklevel=stacklevel,
        )
    if processor.nonfinite_output:
        warnings.warn(
            f"{what}: the network returned {processor.nonfinite_output} samples that were NaN or "
            "infinite: set to zero; export or train the model again",
            stacklevel=stacklevel,
        )


def _energy(block: Audio) -> float:
    finite, _ = mend(block)
    return float(np.vdot(finite, finite))
