"""python -m rtdenoise: the same as the command `rtdenoise`."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
