"""Finding, reading and checking recordings of any rate and format."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError

from .banks import FULL_BAND, Clip

AUDIO = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".caf"}
FRAME = SAMPLE_RATE // 50  # samples, 20 ms
FADE = SAMPLE_RATE // 200  # samples, 5 ms at both ends: joined clips do not click
PIECE = 300  # seconds; longer files are read piece by piece
LOWEST_RATE = 16_000  # Hz
SHORTEST = 0.05  # seconds
SILENT = 10 ** (-70 / 20)  # of full scale


class UnusableRecordingError(ValueError):
    """A recording that training cannot use; the message says why."""


def pieces(path: Path, clip: Clip) -> Iterator[tuple[Path, Clip, int]]:
    """Yield (path, clip, start in seconds) for each piece of a recording of any length."""
    try:
        seconds = sf.info(path).duration
    except (sf.SoundFileError, OSError):
        seconds = 0.0  # `read_piece` reports it
    for start in range(0, max(1, int(seconds)), PIECE):
        name = f"{clip.file}@{start}" if start else clip.file
        yield path, dataclasses.replace(clip, file=name), start


def read_piece(path: Path, clip: Clip, start: int = 0) -> tuple[np.ndarray, Clip]:
    """Read a piece as int16 mono at 48 kHz [samples]; its clip with length, levels, bandwidth.

    A peak above full scale is scaled down. Raises UnusableRecordingError.
    """
    try:
        with sf.SoundFile(path) as file:
            rate = file.samplerate
            file.seek(start * rate)
            audio = file.read(PIECE * rate, dtype="float32", always_2d=True)
    except (sf.SoundFileError, OSError) as error:
        raise UnusableRecordingError(f"cannot be read ({error})") from error
    mono = audio.mean(axis=1)
    _check(mono, rate)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    samples = np.round(mono * (32767 / max(1.0, float(np.abs(mono).max())))).astype(np.int16)
    level, floor = _levels(samples)
    bandwidth = min(clip.bandwidth, rate / 2)
    known = {"length": len(samples), "level": level, "floor": floor, "bandwidth": bandwidth}
    return samples, dataclasses.replace(clip, **known)


def _check(mono: np.ndarray, rate: int) -> None:
    if rate < LOWEST_RATE:
        raise UnusableRecordingError(f"has a rate of {rate} Hz, at least {LOWEST_RATE} is needed")
    if len(mono) < SHORTEST * rate:
        seconds = len(mono) / rate
        raise UnusableRecordingError(f"lasts {seconds:.3f} s, at least {SHORTEST} s is needed")
    if not np.isfinite(mono).all():
        raise UnusableRecordingError("has samples that are not numbers (NaN or infinite)")
    if np.abs(mono - mono.mean()).max() < SILENT:
        raise UnusableRecordingError("is silent")


def _levels(samples: np.ndarray) -> tuple[float, float]:
    """Return the levels of loud and of quiet frames in dBFS, digital silence apart."""
    count = max(1, len(samples) // FRAME)
    frames = samples[: count * FRAME].astype(np.float32).reshape(count, -1) / 32768
    power = frames.var(axis=1)  # without DC
    decibel = 10 * np.log10(power[power > 1e-12] if (power > 1e-12).any() else power + 1e-12)
    level, floor = np.percentile(decibel, (95, 5))
    return round(float(level), 1), round(float(floor), 1)


def fade(samples: np.ndarray) -> np.ndarray:
    """Fade both ends of int16 samples in place, and return them."""
    count = min(FADE, len(samples) // 2)
    ramp = np.linspace(0, 1, count, dtype=np.float32)
    samples[:count] = samples[:count] * ramp
    samples[len(samples) - count :] = samples[len(samples) - count :] * ramp[::-1]
    return samples


def scan(folders: Iterable[Path]) -> list[tuple[Path, Clip]]:
    """List the audio below the folders; a file is listed itself.

    The first folder on the way to a file is its source; the whole way, such as `vctk/p360`, is its
    speaker, as folders of two sources may have the same name and not be the same person.
    """
    found = []
    for folder in map(Path, folders):
        if folder.is_file():
            found.append((folder, Clip(folder.name, folder.stem, folder.stem)))
            continue
        if not folder.is_dir():
            raise RtdenoiseError(f"{folder} is not a folder: give one with audio files in it")
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO):
            file = path.relative_to(folder)
            way = file.parts[:-1] or (folder.name,)
            found.append((path, Clip(str(file), "/".join(way), way[0])))
    return found


def entries_of(collected: Path, kind: str) -> list[tuple[Path, Clip]]:
    """List the recordings of a kind: those of the manifest, and what else is in the kind's folder.

    A corpus that `train.data.download` adds to a collected one is not in its manifest.
    """
    manifest, folder = Path(collected, "manifest.csv"), Path(collected, kind)
    if not manifest.is_file():
        return scan([folder] if folder.is_dir() or kind == "clean" else [])
    try:
        with open(manifest, newline="", encoding="utf-8") as handle:
            rows = [row for row in csv.DictReader(handle) if row["kind"] == kind]
        listed = {Path(collected, row["file"]): _clip(row) for row in rows}
        others = scan([folder]) if folder.is_dir() else []
        return [*listed.items(), *(entry for entry in others if entry[0] not in listed)]
    except (KeyError, ValueError) as error:
        raise RtdenoiseError(
            f"{manifest} is not a manifest of the collector ({error!r}): collect the corpus again"
        ) from error


def _clip(row: dict[str, str]) -> Clip:
    speaker = f"{row['source']}/{row['speaker_or_class']}"
    bandwidth = min(float(row["bw"] or FULL_BAND), FULL_BAND)
    return Clip(row["file"], speaker, row["source"], row["licence"], bandwidth)
