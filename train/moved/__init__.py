"""Old module names of `train`, kept for one release: `train.corpus` is now `train.data.corpus`.

To remove them: delete this folder, tests/train/test_moved.py, and the line in train/__init__.py
that appends the folder to `__path__`.
"""

from __future__ import annotations

import importlib
import sys


def forward(name: str, old: str, new: str, command: str | None = None) -> None:
    """Import module `new` in place of `old`; under `python -m`, run it or the module `command`.

    `name` is the `__name__` of the module that calls. One line on stderr says what to use.
    """
    if name == "__main__":
        command = command or new
        print(f"{old} moved: use `python -m {command}`", file=sys.stderr)
        importlib.import_module(command).main()
    else:
        print(f"{old} moved: import {new}", file=sys.stderr)
        sys.modules[name] = importlib.import_module(new)
