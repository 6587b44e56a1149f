"""Recordings for training: paired files, downloads, and corpora packed for fast random access.

This room imports `rtdenoise` only. `mixing`, `sources` and the loop take batches from here.
"""

from __future__ import annotations

from .banks import FULL_SCALE, Bank
from .batches import Batch, BatchSource
from .corpus import Corpus
from .paired_dataset import AudioDataset, PairedBatches, generate_noisy, split

__all__ = [
    "AudioDataset",
    "Bank",
    "Batch",
    "BatchSource",
    "Corpus",
    "FULL_SCALE",
    "PairedBatches",
    "generate_noisy",
    "split",
]
