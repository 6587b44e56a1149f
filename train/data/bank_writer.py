"""Writing a bank to disk, recording by recording: memory stays small for any corpus."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError

from .banks import Clip, write_clips
from .recordings import UnusableRecordingError, fade, pieces, read_piece

LEAST_SPEECH = 1.0  # seconds: one segment of the network
AHEAD = 16  # files read ahead of the one that is written

Entry = tuple[Path, Clip]


def write_bank(
    entries: Sequence[Entry], kind: str, folder: Path, jobs: int = 2, least_range: float = 0.0
) -> list[Clip]:
    """Write recordings, speaker by speaker, to folder/<kind>.npy and .csv; returns the clips.

    Clips whose loud frames lie less than `least_range` dB above their quiet ones are left out.
    Raises RtdenoiseError if the folder cannot be written.
    """
    ordered = sorted(entries, key=lambda entry: (entry[1].speaker, entry[1].file))
    target, clips = folder / f"{kind}.npy", []
    part = target.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as handle:
            _write_header(handle, 0)
            position = 0
            for samples, clip in _read_all(ordered, jobs, least_range):
                # A fade would take the direct sound of a room response.
                handle.write((samples if kind == "rir" else fade(samples)).tobytes())
                clips.append(dataclasses.replace(clip, start=position))
                position += len(samples)
            _write_header(handle, position)
        write_clips(folder / f"{kind}.csv", clips)
        part.replace(target)
    except OSError as error:
        raise RtdenoiseError(
            f"{folder} cannot be written ({error}): free space or name another"
        ) from error
    finally:
        if part.exists():
            part.unlink()
    return clips


def _write_header(handle: BinaryIO, count: int) -> None:
    """Write the .npy header for `count` samples in 128 bytes, so that it can be rewritten."""
    text = f"{{'descr': '<i2', 'fortran_order': False, 'shape': ({count},), }}"
    handle.seek(0)
    handle.write(np.lib.format.magic(1, 0) + (118).to_bytes(2, "little"))
    handle.write(text.ljust(117).encode() + b"\n")


def _read_all(
    entries: Iterable[Entry], jobs: int, least_range: float
) -> Iterator[tuple[np.ndarray, Clip]]:
    """Yield the usable recordings in order, read by `jobs` threads a little ahead."""

    def read(piece: tuple[Path, Clip, int]) -> tuple[np.ndarray, Clip] | None:
        try:
            samples, clip = read_piece(*piece)
            if clip.level - clip.floor < least_range:
                raise UnusableRecordingError(
                    f"is noisy: its loud frames lie {clip.level - clip.floor:.0f} dB above its "
                    f"quiet ones, at least {least_range:.0f} is needed"
                )
            return samples, clip
        except UnusableRecordingError as error:
            print(f"left out: {piece[0]} {error}", file=sys.stderr)
            return None

    queue = itertools.chain.from_iterable(pieces(path, clip) for path, clip in entries)
    with ThreadPoolExecutor(jobs) as threads:  # libsndfile decodes without Python's lock
        while block := list(itertools.islice(queue, AHEAD)):
            yield from (found for found in threads.map(read, block) if found)


def require_speech(clips: Iterable[Clip], where: str) -> None:
    """Raise RtdenoiseError if the clips are too little to train on."""
    seconds = sum(clip.length for clip in clips) / SAMPLE_RATE
    if seconds < LEAST_SPEECH:
        raise RtdenoiseError(
            f"{where} has {seconds:.1f} s of usable speech, at least {LEAST_SPEECH:g} s is "
            "needed: add clean recordings"
        )
