"""Unpacking the useful parts of a corpus: .zip, .tar.*, Debian packages, and zip files in them."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rtdenoise.errors import RtdenoiseError

from .recordings import AUDIO

PIECE = 1 << 20  # bytes
NESTED = (".pk3", ".wz", ".zip")  # zip files by other names, as games have them

Member = tuple[str, IO[bytes]]  # name and content


def unpack(archive: Path, take: dict[str, str], out: Path, name: str) -> int:
    """Unpack the files that `take` selects into out/KIND/NAME, and return their number.

    `take` maps prefixes of member names to kinds: clean, noise or rir, or "" for what is left out;
    the longest prefix counts. Debian's notes of copyright are unpacked with the sounds.
    """
    count = 0
    try:
        for member, source in _members(archive):
            prefix = max((x for x in take if member.startswith(x)), key=len, default=None)
            kind = take[prefix] if prefix is not None else ""
            sounds = Path(member).suffix.lower() in AUDIO
            if not kind or not (sounds or member.endswith("/copyright")):
                continue
            root = Path(out, kind, name).resolve()
            target = (root / member).resolve()
            if root not in target.parents:
                raise RtdenoiseError(f"{archive} would write outside {root}: it was not unpacked")
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(target.name + ".part")
            with source, open(part, "wb") as handle:
                shutil.copyfileobj(source, handle, PIECE)
            part.replace(target)
            count += sounds
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise RtdenoiseError(
            f"{archive} is damaged ({error}): remove it and run this again"
        ) from error
    return count


def _members(archive: Path) -> Iterator[Member]:
    """Yield the files of a .zip, .deb or .tar.*; links and devices are left out."""
    with open(archive, "rb") as handle:
        if archive.suffix == ".zip":
            yield from _zipped(handle)
            return
        if archive.suffix == ".deb":
            _seek_data(handle)
        for member, source in _tarred(handle):
            if member.endswith(NESTED):  # games keep their sounds in archives of their own
                with tempfile.TemporaryFile() as copy:
                    shutil.copyfileobj(source, copy, PIECE)
                    yield from ((f"{member}/{name}", inner) for name, inner in _zipped(copy))
            else:
                yield member, source


def _zipped(handle: IO[bytes]) -> Iterator[Member]:
    with zipfile.ZipFile(handle) as zipped:
        for info in zipped.infolist():
            if not info.is_dir():
                yield info.filename, zipped.open(info)


def _tarred(handle: IO[bytes]) -> Iterator[Member]:
    with tarfile.open(fileobj=handle, mode="r|*") as tarred:
        for member in tarred:
            source = tarred.extractfile(member) if member.isfile() else None
            if source:
                yield member.name, source


def _seek_data(handle: IO[bytes]) -> None:
    """Go to the files of a Debian package: its member data.tar.* (ar(5): headers of 60 bytes)."""
    handle.seek(8)  # behind the magic
    while len(header := handle.read(60)) == 60:
        if header.startswith(b"data.tar"):
            return
        size = int(header[48:58])
        handle.seek(size + size % 2, 1)
    raise tarfile.ReadError("no data.tar in it")
