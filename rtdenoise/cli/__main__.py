"""python -m rtdenoise.cli: the same as the command `rtdenoise`."""

from __future__ import annotations

from . import main

if __name__ == "__main__":
    main()
