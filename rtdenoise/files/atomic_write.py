"""Atomic writes: a file is written under a temporary name in its own folder, then renamed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import RtdenoiseError

PART_NAME = re.compile(r"^\..+\.(\d+)\.part$")  # names made by `part_path`; the group is the pid


def part_path(path: Path) -> Path:
    """Return the temporary name under which `path` is written until it is complete."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


@contextmanager
def atomic_output(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, and rename it to `path` at the end.

    If the block raises, the temporary file is removed and `path` stays as it was.
    Raises RtdenoiseError if the folder cannot be written to.
    """
    part = part_path(path)
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise RtdenoiseError(
            f"{path} cannot be written ({error.strerror}): choose another path"
        ) from error
    finally:
        part.unlink(missing_ok=True)
