"""The user's recordings: reading them, and dividing them for training and for tests."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError

from ..data import (
    FULL_SCALE,
    Bank,
    Clip,
    Corpus,
    UnusableRecordingError,
    fade,
    pieces,
    read_piece,
    scan,
)

# Of the user's recordings, from their end: to choose by, and as much to tell the result by.
TEST_SHARE = 0.125
OTHERS_SHARE = 0.2  # of others' speakers, for tests
FRAME = SAMPLE_RATE // 50  # samples, 20 ms
AUDIBLE = 65.0  # dB below the loudest band: a band that is fainter holds nothing
BAND = 250  # Hz
# Read, but not more: the tests and the checks would take long, and training hears each part once.
LONGEST = 1200.0  # seconds

Audio = NDArray[np.float32]


@dataclasses.dataclass
class Recordings:
    """All recordings of one kind end to end: int16 `samples` [n] at 48 kHz, and the clips."""

    samples: NDArray[np.int16]
    clips: list[Clip]
    unusable: list[str]  # a line for each file that was left out

    @property
    def audio(self) -> Audio:
        """The samples as float32."""
        return self.samples.astype(np.float32) / np.float32(FULL_SCALE)

    @property
    def seconds(self) -> float:
        """The duration."""
        return len(self.samples) / SAMPLE_RATE

    def bank(self, begin: int, end: int) -> Bank:
        """Return samples `begin` to `end` as a bank."""
        clips = []
        for clip in self.clips:
            first, last = max(begin, clip.start), min(end, clip.start + clip.length)
            if last > first:
                clips.append(dataclasses.replace(clip, start=first - begin, length=last - first))
        return Bank(torch.from_numpy(self.samples[begin:end].copy()), clips)

    def split(self) -> tuple[Bank, Bank, Bank]:
        """Return the parts to train on, to choose by and to tell the result by, in time order."""
        total = len(self.samples)
        first = round((1 - 2 * TEST_SHARE) * total)
        second = round((1 - TEST_SHARE) * total)
        return self.bank(0, first), self.bank(first, second), self.bank(second, total)


def read(path: Path, option: str) -> Recordings:
    """Read a file, or all audio below a folder, up to LONGEST.

    Raises RtdenoiseError if nothing in it can be read; `option` is named in the message.
    """
    found = scan([path])
    if not found:
        raise RtdenoiseError(f"{option}: {path} holds no audio file: record WAV, FLAC or MP3 files")
    parts, clips, unusable, length = [], [], [], 0
    for file, clip in found:
        try:
            for piece in pieces(file, clip):
                samples, known = read_piece(*piece)
                bandwidth = bandwidth_of(samples)
                known = dataclasses.replace(known, speaker=option, start=length)
                known.bandwidth = min(known.bandwidth, bandwidth)
                parts.append(fade(samples))
                clips.append(known)
                length += len(samples)
        except UnusableRecordingError as error:
            unusable.append(f"{file} {error}")
        if length > LONGEST * SAMPLE_RATE:
            break
    if not parts:
        raise RtdenoiseError(f"{option}: {unusable[0]}: record it again as WAV at 48 kHz")
    return Recordings(np.concatenate(parts), clips, unusable)


def bandwidth_of(samples: NDArray[np.int16]) -> float:
    """Return the frequency in Hz above which a recording [n] holds nothing, in steps of BAND."""
    count = len(samples) // FRAME
    if not count:
        return SAMPLE_RATE / 2
    frames = samples[: count * FRAME].reshape(count, FRAME).astype(np.float32)
    power = np.zeros(FRAME // 2 + 1)
    for block in np.array_split(frames, -(-count // 2000)):  # little memory for long files
        power += np.square(np.abs(np.fft.rfft(block * np.hanning(FRAME)))).sum(axis=0)
    bins = BAND * FRAME // SAMPLE_RATE
    bands = power[: len(power) // bins * bins].reshape(-1, bins).mean(axis=1)
    audible = bands > bands.max() * 10 ** (-AUDIBLE / 10)
    return float((np.flatnonzero(audible)[-1] + 1) * BAND)


def read_others(folder: Path) -> tuple[Corpus, Corpus]:
    """Return recordings of others to train with and, of other speakers, to test with.

    `folder` is a packed corpus, or has subfolders clean and noise. Raises RtdenoiseError where
    either is missing.
    """
    if Path(folder, "clean.csv").is_file():
        corpus = Corpus.load(folder)
    else:
        corpus = Corpus.from_directories([folder / "clean"], [folder / "noise"])
    if not len(corpus.noise):
        raise RtdenoiseError(f"--others: {folder} holds no noise: add recordings of some")
    return corpus.hold_out(OTHERS_SHARE)
