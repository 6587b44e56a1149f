"""Recordings for training: paired files, downloads, and corpora packed for fast random access.

This room imports `rtdenoise` only. `mixing`, `sources` and the loop take batches from here.
"""

from __future__ import annotations

from .banks import FULL_SCALE, Bank, Clip, require_sources
from .batches import Batch, BatchSource
from .corpus import Corpus
from .paired_dataset import AudioDataset, PairedBatches, generate_noisy, split
from .recordings import UnusableRecordingError, fade, pieces, read_piece, scan

__all__ = [
    "AudioDataset",
    "Bank",
    "Batch",
    "BatchSource",
    "Clip",
    "Corpus",
    "FULL_SCALE",
    "PairedBatches",
    "UnusableRecordingError",
    "fade",
    "generate_noisy",
    "pieces",
    "read_piece",
    "require_sources",
    "scan",
    "split",
]
