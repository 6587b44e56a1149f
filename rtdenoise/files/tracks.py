"""Which sound track of a file is denoised: the default one, one by its number, or all."""

from __future__ import annotations

from pathlib import Path

from ..errors import InvalidValueError, RtdenoiseError
from .atomic_write import part_path
from .media_reader import import_av, is_media, open_container

ALL_TRACKS = "all"


def parse_track(text: str | int | None) -> int | str | None:
    """Return the number of a sound track, `ALL_TRACKS`, or None for the default track.

    Raises RtdenoiseError on anything else.
    """
    if text is None or text == "default":
        return None
    if text == ALL_TRACKS:
        return ALL_TRACKS
    try:
        number = int(text)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if number < 1 or isinstance(text, bool | float):
        raise InvalidValueError(
            f"track {text!r} is not a sound track: use 1, 2, 3 ..., default or all"
        )
    return number


def count_tracks(source: Path, target: Path) -> int:
    """Return how many sound tracks there are to denoise one after the other.

    Raises RtdenoiseError if there are several and the format of `target` holds one only.
    """
    if not source.is_file():
        return 1
    av = import_av()
    try:
        with open_container(source) as container:
            count = max(1, len(container.streams.audio))
    except (av.FFmpegError, OSError, ValueError):
        return 1  # the reader will say what is wrong with it
    if count > 1 and not is_media(target):
        raise RtdenoiseError(
            f"{target} holds one sound track, and {source} has {count}: choose one with --track, "
            "or write a .mkv or .mp4 file"
        )
    return count


def between_tracks(target: Path, number: int) -> Path:
    """Return the name of the temporary file in which tracks 1 to `number` are denoised."""
    return part_path(target.with_name(f"track{number}.{target.name}"))
