"""Public corpora for training: what they are, their licences, and how to get them.

    python -m train.download                    # what there is
    python -m train.download musan corpus       # its licence first, then corpus/noise/musan/...
    python -m train.corpus corpus packed

A broken download goes on where it stopped. Archives are checked against their publisher's
checksum; where none is published, the SHA-256 of what came first is kept beside the archive and
checked from then on. Only the parts that are of use are unpacked, into clean/, noise/, rir/.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from rtdenoise.command import run_function
from rtdenoise.errors import RtdenoiseError

REGISTRY = Path(__file__).with_name("registry.json")
ATTEMPTS = 5  # in a row that bring nothing
PIECE = 1 << 20  # bytes


def download(
    name: Annotated[str | None, typer.Argument(help="A corpus; without one, the list.")] = None,
    out: Annotated[Path, typer.Argument(help="Folder for archives and sounds.")] = Path("corpus"),
    yes: Annotated[bool, typer.Option("--yes", help="Agree to the licence.")] = False,
    registry: Annotated[Path, typer.Option(help="A registry of your own.")] = REGISTRY,
) -> None:
    """Show a corpus's licence, and download, check and unpack it."""
    corpora = _read(registry)
    if name is None:
        for key, corpus in corpora.items():
            print(
                f"{key:<17} {corpus['gigabytes']:>6} GB  {corpus['licence']}\n    {corpus['title']}"
            )
        return
    if name not in corpora:
        raise RtdenoiseError(f"no corpus {name!r} in the registry: use one of {', '.join(corpora)}")
    corpus = corpora[name]
    print(f"{corpus['title']}\nlicence: {corpus['licence']}\n{corpus['page']}")
    print(f"about {corpus['gigabytes']} GB in {len(corpus['files'])} files, to {out}")
    if not yes and not _agrees():
        raise RtdenoiseError("nothing was downloaded: the licence was not agreed to (--yes does)")
    for file in corpus["files"]:
        archive = fetch(file, Path(out, "archives", name))
        count = unpack(archive, file["take"], out, name)
        print(f"{archive}: {count} sounds")


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RtdenoiseError(f"{path} is no registry ({error}): give a JSON file") from error


def _agrees() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("Do you agree to the licence? [y/N] ").strip().lower() in ("y", "yes")


def fetch(file: dict[str, Any], folder: Path) -> Path:
    """Download one archive of the registry, unless it is there; returns its path, checked.

    Raises RtdenoiseError where it cannot be had, or is not what was published.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / file["url"].split("?")[0].rsplit("/", 1)[1]
    if not target.exists():
        part = target.with_name(target.name + ".part")
        _complete(file["url"], part, file.get("bytes"))
        _check(part, target, file)
        part.replace(target)
    else:
        _check(target, target, file)
    return target


def _complete(url: str, part: Path, size: int | None) -> None:
    """Append to `part` what is missing of it."""
    failures = 0
    while True:
        have = part.stat().st_size if part.exists() else 0
        try:
            if _append(url, part, have, size):
                return
            reason = "the connection broke off"
        except (urllib.error.URLError, OSError) as error:
            reason = str(getattr(error, "reason", error))
        grown = part.exists() and part.stat().st_size > have
        failures = 0 if grown else failures + 1
        if failures == ATTEMPTS:
            raise RtdenoiseError(f"{url} cannot be downloaded ({reason}): run this again to go on")


def _append(url: str, part: Path, have: int, size: int | None) -> bool:
    """Ask for the bytes after `have` and write them; returns whether that was all."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to ask for
            return True
        raise
    with answer, open(part, "ab" if answer.status == 206 else "wb") as handle:
        start = have if answer.status == 206 else 0
        total = size or start + int(answer.headers.get("Content-Length") or 0)
        while piece := answer.read(PIECE):
            handle.write(piece)
            _show(part, handle.tell(), total)
        return handle.tell() >= total


def _show(part: Path, done: int, total: int) -> None:
    if sys.stderr.isatty():
        share = f"{done / total:.0%}" if total else ""
        print(f"\r{part.stem}  {done / 1e6:,.0f} MB {share} ", end="", file=sys.stderr)


def _check(path: Path, target: Path, file: dict[str, Any]) -> None:
    """Compare with the published checksum, or with the one kept beside the archive."""
    kept = target.with_name(target.name + ".sha256")
    kind = "md5" if "md5" in file else "sha256"
    digest = hashlib.new(kind, usedforsecurity=False)
    with open(path, "rb") as handle:
        while piece := handle.read(PIECE):
            digest.update(piece)
    expected = file.get(kind) or (kept.read_text().split()[0] if kept.exists() else None)
    if expected is None:
        kept.write_text(f"{digest.hexdigest()}  {target.name}\n")
        print(f"{target.name}: no checksum is published; SHA-256 {digest.hexdigest()} is kept")
    elif digest.hexdigest() != expected:
        path.unlink()
        raise RtdenoiseError(
            f"{target.name} is not what was published ({kind} {digest.hexdigest()}, not "
            f"{expected}): it was removed, run this again"
        )


def unpack(archive: Path, take: dict[str, str], out: Path, name: str) -> int:
    """Unpack what `take` (prefix: clean, noise, rir, ...) names into out/KIND/NAME; count it."""
    count = 0
    try:
        for member, source in _members(archive):
            prefix = next((prefix for prefix in take if member.startswith(prefix)), None)
            if prefix is None or not member.lower().endswith((".wav", ".flac", ".ogg", ".mp3")):
                continue
            root = Path(out, take[prefix], name).resolve()
            target = (root / member).resolve()
            if root not in target.parents:
                raise RtdenoiseError(f"{archive} would write outside of {root}: not unpacked")
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(target.name + ".part")
            with source, open(part, "wb") as handle:
                shutil.copyfileobj(source, handle, PIECE)
            part.replace(target)
            count += 1
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise RtdenoiseError(
            f"{archive} is damaged ({error}): remove it and run this again"
        ) from error
    return count


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the files of a .zip or .tar.* with their names; links and devices are left out."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                if not info.is_dir():
                    yield info.filename, zipped.open(info)
        return
    with tarfile.open(archive) as tarred:
        for member in tarred:
            source = tarred.extractfile(member) if member.isfile() else None
            if source:
                yield member.name, source


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("train.download", download)


if __name__ == "__main__":
    main()
