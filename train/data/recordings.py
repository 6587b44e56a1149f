"""Finding and reading recordings of any rate and format."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
import torch

from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError

from .banks import FULL_BAND, Bank, Clip

AUDIO = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".caf"}


def read_mono(path: Path) -> np.ndarray:
    """Read a recording as int16 mono at 48 kHz; a peak above full scale is scaled down."""
    audio, rate = sf.read(path, dtype="float32", always_2d=True)
    mono = np.nan_to_num(audio.mean(axis=1))
    if rate != SAMPLE_RATE and len(mono):
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    peak = float(np.abs(mono).max(initial=0.0))
    return np.round(mono * (32767 / max(1.0, peak))).astype(np.int16)


def scan(folders: Iterable[Path]) -> list[tuple[Path, Clip]]:
    """List the audio below the folders; the folder a file lies in is its speaker."""
    found = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise RtdenoiseError(f"{folder} is not a folder: give one with audio files in it")
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO):
            found.append((path, Clip(str(path.relative_to(folder)), path.parent.name)))
    return found


def read_bank(entries: Sequence[tuple[Path, Clip]], kind: str) -> Bank:
    """Read recordings into a bank, speaker by speaker. Raises RtdenoiseError on a broken one."""
    chunks, clips, position = [], [], 0
    for path, clip in sorted(entries, key=lambda e: (e[1].speaker, e[1].file)):
        try:
            samples = read_mono(path)
        except (sf.SoundFileError, OSError) as error:
            raise RtdenoiseError(f"{path} ({kind}) cannot be read: {error}: remove it") from error
        if len(samples):
            clips.append(dataclasses.replace(clip, start=position, length=len(samples)))
            chunks.append(samples)
            position += len(samples)
    joined = np.concatenate(chunks) if chunks else np.zeros(0, np.int16)
    return Bank(torch.from_numpy(joined), clips)


def entries_of(collected: Path, kind: str) -> list[tuple[Path, Clip]]:
    """List the recordings of a kind, from the manifest where there is one."""
    manifest = Path(collected, "manifest.csv")
    if not manifest.is_file():
        folder = Path(collected, kind)
        return scan([folder] if folder.is_dir() or kind == "clean" else [])
    with open(manifest, newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["kind"] == kind]
    return [
        (
            Path(collected, row["file"]),
            Clip(
                row["file"],
                f"{row['source']}/{row['speaker_or_class']}",
                row["licence"],
                float(row["bw"] or FULL_BAND),
            ),
        )
        for row in rows
    ]
