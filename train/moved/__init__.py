"""Old module names of `train`, kept for one release: `train.corpus` is now `train.data.corpus`.

To remove them: delete this folder, tests/train/test_moved.py, and the line in train/__init__.py
that appends the folder to `__path__`.
"""

from __future__ import annotations

import importlib
import sys


def forward(name: str, old: str, new: str) -> None:
    """Import module `new` in place of `old`, and name `new` in one line on stderr.

    `name` is the `__name__` of the module that calls: under `python -m` the new command runs.
    """
    print(f"{old} moved: use `{new}` (`python -m {new}`)", file=sys.stderr)
    module = importlib.import_module(new)
    if name == "__main__":
        module.main()
    else:
        sys.modules[name] = module
