"""A small tree of recordings for the tests of folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder, rng = tmp_path / "in", np.random.default_rng(0)
    for name in ("a.wav", "sub/b.flac", "sub/deeper/c.ogg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        sf.write(folder / name, 0.1 * rng.standard_normal(24_000), 48_000)
    (folder / "notes.txt").write_text("no audio")
    return folder
