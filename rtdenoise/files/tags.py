"""Copies tags byte for byte between files of one family: RIFF, AIFF, MP3, FLAC, Ogg, CAF, AU.

Other families get the ten tags that libsndfile knows, see `AudioReader.tags`. Values that measure
the level, such as ReplayGain, are left out: they are wrong after denoising.
"""

from __future__ import annotations

from pathlib import Path

from .flac_blocks import block_words, copy_blocks, flac_comment_names
from .id3 import copy_id3, id3_names, id3_pictures
from .level_tags import is_level
from .ogg_comments import copy_comments, ogg_comment_names
from .other_tags import copy_annotation, copy_ape, copy_caf_chunks, w64_names
from .riff_tags import chunk_names, copy_chunks

FAMILIES = {"WAV": "RIFF", "WAVEX": "RIFF", "RF64": "RIFF", "AIFF": "AIFF", "MP3": "MP3"}
FAMILIES |= {"FLAC": "FLAC", "OGG": "OGG", "CAF": "CAF", "AU": "AU"}
# Comments that `AudioReader.tags` has.
COMMENTS_KNOWN = set("TITLE ARTIST ALBUM COMMENT COPYRIGHT DATE GENRE TRACKNUMBER".split())
COMMENTS_KNOWN |= {"SOFTWARE", "LICENSE", "ENCODER", "METADATA_BLOCK_PICTURE"}


def same_family(one: str, other: str) -> bool:
    """Return whether tags can be copied between two of libsndfile's formats."""
    return FAMILIES.get(one, one) == FAMILIES.get(other, "none")


def copy_tags(source: Path, part: Path, container: str, whole: bool) -> list[str]:
    """Put the tags of `source` into the complete file `part` of the same family.

    Returns what does not fit. Unless it is the `whole` recording, positions in it such as cue
    points are left out. Raises OSError if the disk is full.
    """
    family = FAMILIES[container]
    if family in ("RIFF", "AIFF"):
        copy_chunks(source, part, family == "AIFF", whole)
    elif family == "OGG":
        return copy_comments(source, part)
    elif family == "MP3":
        copy_id3(source, part)
        copy_ape(source, part)
    elif family == "CAF":
        copy_caf_chunks(source, part, whole)
    elif family == "AU":
        copy_annotation(source, part)
    else:
        copy_blocks(source, part, whole)
    return []


def lost_tags(source: Path, container: str) -> list[str]:
    """Return what a file of another family does not get from `source`, apart from unknown tags."""
    family = FAMILIES.get(container) if source.is_file() else None  # nothing of a pipe
    if family in ("RIFF", "AIFF"):
        return chunk_names(source)
    if family == "MP3":
        return id3_pictures(source)
    if container == "W64" and source.is_file():
        return w64_names(source)
    return block_words(source) if family == "FLAC" else []


def lost_names(source: Path, container: str) -> list[str]:
    """Return the names of tags that a file of another family does not get, such as `TXXX:mood`."""
    family = FAMILIES.get(container) if source.is_file() else None
    names: list[str] = []
    if family == "MP3":
        names = id3_names(source)
    elif family == "FLAC":
        names = flac_comment_names(source)
    elif family == "OGG":
        names = ogg_comment_names(source)
    own = [name for name in names if name.upper() not in COMMENTS_KNOWN and not is_level(name)]
    return list(dict.fromkeys(own))
