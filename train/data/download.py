"""Lists public corpora for training with their licences, and downloads them.

    python -m train.data.download                  # lists the corpora
    python -m train.data.download musan corpus     # shows the licence, fills corpus/noise/musan
    python -m train.data.packing corpus packed

An interrupted download continues where it stopped. Archives are checked against the checksum of
their publisher. If none is published, the SHA-256 of the first download is kept beside the archive,
and later downloads are checked against it. Only the useful parts are unpacked, into clean/, noise/
and rir/.
"""

from __future__ import annotations

import hashlib
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any

import typer

from rtdenoise.command import run_function, writable
from rtdenoise.errors import RtdenoiseError

from .archives import PIECE, unpack

REGISTRY = Path(__file__).with_name("registry.json")
ATTEMPTS = 5  # in a row that deliver nothing

DOWNLOAD = "Download"  # heading in the help


def download(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="Corpus to download; without it, all corpora are listed."
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Argument(
            metavar="[CORPUS]",
            help="Folder for the archives and the unpacked audio.",
            file_okay=False,
            callback=writable,
        ),
    ] = Path("corpus"),
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Agree to the licence.", rich_help_panel=DOWNLOAD),
    ] = False,
    registry: Annotated[
        Path,
        typer.Option(
            help="JSON file that describes other corpora.",
            show_default=False,
            exists=True,
            dir_okay=False,
            rich_help_panel=DOWNLOAD,
        ),
    ] = REGISTRY,
) -> None:
    """Show the licence of a corpus, then download, check and unpack the corpus."""
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
        raise RtdenoiseError(
            "nothing was downloaded, as you did not agree to the licence: answer y, or give --yes"
        )
    for file in corpus["files"]:
        archive = fetch(file, Path(out, "archives", name))
        count = unpack(archive, file["take"], out, name)
        print(f"{archive}: {count} sounds")


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RtdenoiseError(f"{path} is not a registry ({error}): give a JSON file") from error


def _agrees() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("Do you agree to the licence? [y/N] ").strip().lower() in ("y", "yes")


def fetch(file: dict[str, Any], folder: Path) -> Path:
    """Download one archive of the registry, unless it is there; returns its path, checked.

    Raises RtdenoiseError if the download fails, or if the checksum differs.
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
    """Download the missing bytes and append them to `part`."""
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
            raise RtdenoiseError(
                f"{url} cannot be downloaded ({reason}): run this again to continue"
            )


def _append(url: str, part: Path, have: int, size: int | None) -> bool:
    """Request the bytes after `have` and write them. Returns whether the file is complete."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the file is complete
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
    """Compare `path` with the published checksum, or with the one kept beside the archive."""
    kept = target.with_name(target.name + ".sha256")
    kind = "md5" if "md5" in file else "sha256"
    digest = hashlib.new(kind, usedforsecurity=False)
    with open(path, "rb") as handle:
        while piece := handle.read(PIECE):
            digest.update(piece)
    expected = file.get(kind) or (kept.read_text().split()[0] if kept.exists() else None)
    if expected is None:
        kept.write_text(f"{digest.hexdigest()}  {target.name}\n")
        print(f"{target.name}: no checksum is published; kept SHA-256 {digest.hexdigest()}")
    elif digest.hexdigest() != expected:
        path.unlink()
        raise RtdenoiseError(
            f"{target.name} differs from what was published ({kind} {digest.hexdigest()}, not "
            f"{expected}): it was removed, run this again"
        )


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("train.data.download", download)


if __name__ == "__main__":
    main()
