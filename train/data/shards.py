"""A packed corpus as compressed pieces, small enough to carry to another machine, and back.

    python -m train.data.shards packed/train shards --codec opus   # shards/clean-000.opus, ...
    python -m train.data.shards shards packed/train                # and back

FLAC halves the size and restores every bit. Opus needs a tenth of the size and removes what lies
above 20 kHz, so higher bandwidths are recorded as 20 kHz. All pieces must be in one folder when
they are joined.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile as sf
import torch
import typer

from rtdenoise.command import one_of, run_function, writable
from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError

from .banks import Bank, Clip, read_clips, write_clips
from .corpus import KINDS, Corpus

# codec: format and subtype of libsndfile, its compression level, seconds that stay below 55 MB
CODECS = {"flac": ("FLAC", "PCM_16", 0.6, 550), "opus": ("OGG", "OPUS", 0.65, 3600)}
OPUS_BANDWIDTH = 20_000.0  # Hz


def shards(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="Packed corpus to split, or folder of pieces to join.",
            exists=True,
            file_okay=False,
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET",
            help="Folder for the pieces, or for the joined corpus.",
            file_okay=False,
            callback=writable,
        ),
    ],
    codec: Annotated[
        str,
        typer.Option(
            help="Codec of the pieces: flac (exact) or opus (a tenth of the size).",
            callback=one_of(*CODECS),
            rich_help_panel="Pieces",
        ),
    ] = "flac",
) -> None:
    """Compress a packed corpus into pieces, or join pieces into a packed corpus."""
    if any(source.glob("*-000.*")):
        join(source).save(target)
    elif Path(source, "clean.npy").is_file():
        split(source, target, codec)
    else:
        raise RtdenoiseError(f"{source} holds neither a packed corpus nor its pieces")
    size = sum(path.stat().st_size for path in target.iterdir()) / 1e6
    print(f"{target}: {size:,.0f} MB")


def split(packed: Path, folder: Path, codec: str = "flac") -> None:
    """Write the banks of a packed corpus as pieces of `codec`."""
    if codec not in CODECS:
        raise RtdenoiseError(f"unknown codec {codec!r}: use {' or '.join(CODECS)}")
    form, subtype, level, seconds = CODECS[codec]
    folder.mkdir(parents=True, exist_ok=True)
    corpus, piece = Corpus.load(packed), seconds * SAMPLE_RATE
    for kind in KINDS:
        bank: Bank = getattr(corpus, kind)
        write_clips(folder / f"{kind}.csv", [_cut(clip, codec) for clip in bank.clips])
        for number, start in enumerate(range(0, len(bank.samples), piece)):
            path = folder / f"{kind}-{number:03d}.{codec}"
            with sf.SoundFile(
                path, "w", SAMPLE_RATE, 1, subtype, format=form, compression_level=level
            ) as handle:
                handle.write(bank.samples[start : start + piece].numpy())


def _cut(clip: Clip, codec: str) -> Clip:
    if codec == "opus":
        clip.bandwidth = min(clip.bandwidth, OPUS_BANDWIDTH)
    return clip


def join(folder: Path) -> Corpus:
    """Return the corpus of the pieces in a folder. Raises RtdenoiseError where any is absent."""
    banks = []
    for kind in KINDS:
        clips = read_clips(folder / f"{kind}.csv")
        pieces = sorted(folder.glob(f"{kind}-*.*"))
        with ThreadPoolExecutor() as threads:  # libsndfile decodes without Python's lock
            sound = list(threads.map(lambda path: sf.read(path, dtype="int16")[0], pieces))
        samples = np.concatenate(sound) if sound else np.zeros(0, np.int16)
        wanted = max((clip.start + clip.length for clip in clips), default=0)
        if len(samples) != wanted:
            raise RtdenoiseError(
                f"{folder}: the {len(pieces)} pieces of {kind} hold {len(samples)} samples of "
                f"{wanted}: copy all of them"
            )
        banks.append(Bank(torch.from_numpy(samples), clips))
    clean, noise, rir = banks
    return Corpus(clean, noise, rir)


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("train.data.shards", shards)


if __name__ == "__main__":
    main()
