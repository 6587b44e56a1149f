"""What the tests of tags share: the sound of a file copied by reader and writer."""

from __future__ import annotations

import warnings
from pathlib import Path

from rtdenoise.files import open_reader, open_writer

RATE, FRAMES = 48_000, 9600


def copy(source: Path, target: Path) -> list[str]:
    """Write the sound of a file unchanged, and return the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with open_reader(source) as reader, open_writer(target, reader) as writer:
            for block in reader.blocks(4096):
                writer.write(block)
    return [str(warning.message) for warning in caught]
