"""python -m rtdenoise.cli: the same as the command `rtdenoise`."""

from .main import main

if __name__ == "__main__":
    main()
