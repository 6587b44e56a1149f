"""Metadata blocks of FLAC files: comments, cue sheets, pictures."""

from __future__ import annotations

from pathlib import Path

from .atomic_write import replace_start
from .id3 import id3_size
from .ogg_comments import clean_comments, comment_names

COMMENT, KEPT = 4, {2, 4, 5, 6}  # application, comments, cue sheet, picture
TIMED = {5}
WORDS = {6: "cover", 5: "cue sheet"}


def copy_blocks(source: Path, part: Path, whole: bool) -> None:
    """Put the blocks of `source` into the complete file `part`; a cue sheet if it is `whole`."""
    kept = KEPT if whole else KEPT - TIMED
    _replace_blocks(part, [block for block in _blocks(source) if block[0] in kept])


def block_words(source: Path) -> list[str]:
    """Return what the blocks hold besides text: cover, cue sheet."""
    kinds = {kind for kind, _ in _blocks(source)}
    return [word for kind, word in WORDS.items() if kind in kinds]


def flac_comment_names(source: Path) -> list[str]:
    """Return the names of the comments."""
    bodies = [body for kind, body in _blocks(source) if kind == COMMENT]
    return [name for body in bodies for name in comment_names(body)]


def _blocks(path: Path) -> list[tuple[int, bytes]]:
    """Return type and contents of the metadata blocks of a FLAC file, without ReplayGain."""
    return [
        (kind, clean_comments(body) if kind == COMMENT else body)
        for kind, body in _raw_blocks(path)
    ]


def _replace_blocks(part: Path, blocks: list[tuple[int, bytes]]) -> None:
    """Put `blocks` in the place of those of `part`, except for STREAMINFO and the seek table."""
    own = _raw_blocks(part)
    old = 4 + sum(4 + len(body) for _, body in own)
    kept = [b for b in own if b[0] in (0, 3)] + blocks
    head = b"fLaC"
    for number, (kind, body) in enumerate(kept):
        last = 0x80 if number == len(kept) - 1 else 0
        head += bytes([kind | last]) + len(body).to_bytes(3, "big") + body
    replace_start(part, old, head)


def _raw_blocks(path: Path) -> list[tuple[int, bytes]]:
    """Return type and contents of the metadata blocks of a FLAC file as they are."""
    blocks: list[tuple[int, bytes]] = []
    with open(path, "rb") as handle:
        handle.seek(id3_size(path))
        if handle.read(4) != b"fLaC":
            return blocks
        while len(head := handle.read(4)) == 4:
            body = handle.read(int.from_bytes(head[1:], "big"))
            blocks.append((head[0] & 0x7F, body))
            if head[0] & 0x80:
                break
    return blocks
