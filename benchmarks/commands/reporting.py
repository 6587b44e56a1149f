"""Commands that write documents from result files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def readme(
    path: Annotated[
        Path,
        typer.Argument(metavar="README", help="File to rewrite.", exists=True, dir_okay=False),
    ] = Path("README.md"),
) -> None:
    """Write the tables of README.md and docs/benchmarks.md from the result files."""
    from ..readme import readme as write

    print(write(path))
