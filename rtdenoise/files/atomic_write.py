"""Files that are whole or absent: written beside their place, then renamed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import RtdenoiseError

PART = re.compile(r"^\..+\.(\d+)\.part$")  # names by `part_path`; the group is the process


def part_path(path: Path) -> Path:
    """Return the name under which `path` is written until it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give the name to write to; after that `path` is whole, or as it was before.

    Raises RtdenoiseError where the place cannot be written.
    """
    part = part_path(path)
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise RtdenoiseError(f"{path} cannot be written ({error.strerror}): choose another") from (
            error
        )
    finally:
        part.unlink(missing_ok=True)
