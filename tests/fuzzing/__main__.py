"""python -m tests.fuzzing --files 10000 --seed 0: prints counts by format, and each finding."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from .runner import fuzz

MODEL = Path(__file__).parents[2] / "rtdenoise" / "models" / "default-stream.onnx"


def main() -> None:
    """Run the files and exit with 1 if there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for a copy of each finding")
    options = parser.parse_args()
    started = time.monotonic()
    numbers = range(options.first, options.first + options.files)
    outcome = fuzz(numbers, options.seed, MODEL, options.keep)
    print(outcome.table())
    print(f"{options.files} files in {time.monotonic() - started:.0f} s")
    sys.exit(bool(outcome.findings))


if __name__ == "__main__":
    main()
