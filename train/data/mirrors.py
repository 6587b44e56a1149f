"""Recordings of GitHub repositories: those that lists name, read from git mirrors.

    git clone --mirror https://github.com/OWNER/NAME MIRRORS/OWNER+NAME
    python -m train.data.mirrors MIRRORS corpus         # fills corpus/noise/SOURCE/CLASS
    python -m train.data.packing corpus packed          # and corpus/clean/SOURCE/SPEAKER

The lists, git_noise.csv.gz and git_voices.csv.gz, have the blob id, licence and class (or speaker)
of each recording, and where its repository credits the authors. A mirror that is absent is named at
the end, with the command that makes it; the others are read nevertheless.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from rtdenoise.command import run_function, writable
from rtdenoise.errors import RtdenoiseError

LISTS = tuple(Path(__file__).with_name(f"git_{what}.csv.gz") for what in ("noise", "voices"))
COLUMNS = ("source", "class", "repository", "path", "blob", "licence", "credits")

# One recording: a value for each of COLUMNS, and its `kind`, noise where a list has no such column.
Row = dict[str, str]


def extract(
    mirrors: Annotated[
        Path,
        typer.Argument(
            metavar="MIRRORS",
            help="Folder of the mirrors, each called OWNER+NAME or OWNER/NAME.",
            exists=True,
            file_okay=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="[CORPUS]",
            help="Folder that receives noise/SOURCE/CLASS and clean/SOURCE/SPEAKER.",
            file_okay=False,
            callback=writable,
        ),
    ] = Path("corpus"),
    recordings: Annotated[
        Path | None,
        typer.Option(
            "--list", help="Another list of recordings.", show_default=False, dir_okay=False
        ),
    ] = None,
) -> None:
    """Write the recordings that lists name from git mirrors into a corpus."""
    absent = []
    rows = [row for path in ([recordings] if recordings else LISTS) for row in read_list(path)]
    ordered = sorted(rows, key=lambda row: row["repository"])
    for repository, group in itertools.groupby(ordered, key=lambda row: row["repository"]):
        named = list(group)
        git = git_directory(mirrors, repository)
        written = [write(row, data, out) for row in named if (data := read_blob(git, row["blob"]))]
        absent += [repository] * (len(written) < len(named))
        print(f"{repository}: {len(written)} of {len(named)} recordings")
    if absent:
        clone = f"git clone --mirror https://github.com/{absent[0]} "
        raise RtdenoiseError(
            f"recordings of {', '.join(absent)} are absent: mirror each of them, for example by "
            f"{clone}{mirrors / absent[0].replace('/', '+')}"
        )


def read_list(path: Path) -> list[Row]:
    """Read a list of recordings, a gzipped CSV file with `COLUMNS`; raises RtdenoiseError."""
    try:
        with gzip.open(path, "rt", newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise RtdenoiseError(f"{path} is not a gzipped CSV file ({error})") from error
    lacking = [name for name in COLUMNS if rows and name not in rows[0]]
    if not rows or lacking:
        raise RtdenoiseError(f"{path} is no list of recordings: it needs {', '.join(COLUMNS)}")
    return rows


def git_directory(mirrors: Path, repository: str) -> Path | None:
    """Return the git directory of OWNER/NAME below `mirrors`, of a clone's if need be, or None."""
    for name in (repository.replace("/", "+"), repository):
        folder = mirrors / name
        for candidate in (folder, *(sorted(folder.iterdir()) if folder.is_dir() else [])):
            for git in (candidate, candidate / ".git"):
                if (git / "HEAD").is_file():
                    return git
    return None


def read_blob(git: Path | None, blob: str) -> bytes | None:
    """Return the content of a blob, or None where the repository does not hold it."""
    command = ["git", f"--git-dir={git}", "cat-file", "blob", blob]
    done = subprocess.run(command, capture_output=True) if git else None
    return done.stdout if done and done.returncode == 0 else None


def write(row: Row, data: bytes, out: Path) -> Path:
    """Write a recording as KIND/SOURCE/CLASS/NAME_BLOB.SUFFIX and return the path.

    Raises RtdenoiseError if that lies outside of `out`.
    """
    name = Path(row["path"])
    folder = out / row.get("kind", "noise") / row["source"] / row["class"]
    if out.resolve() not in folder.resolve().parents:
        raise RtdenoiseError(f"{folder} lies outside of {out}: correct the list")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name.stem}_{row['blob'][:10]}{name.suffix.lower()}"
    part = target.with_name(target.name + ".part")
    part.write_bytes(data)
    return part.replace(target)


def main() -> None:
    """Run the command line; bad input gives one line on stderr and exit code 2."""
    run_function("train.data.mirrors", extract)


if __name__ == "__main__":
    main()
