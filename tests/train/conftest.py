"""A small corpus of three voices and one noise, at three rates."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf

from train.data.corpus import Corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    root = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    for kind, count in (("clean/anna", 3), ("clean/bert", 2), ("clean/cleo", 2), ("noise/fan", 2)):
        (root / kind).mkdir(parents=True)
        for i in range(count):
            rate = (16_000, 44_100, 48_000)[i]
            wave = rng.standard_normal(rate) * np.abs(np.sin(np.arange(rate) / rate * 9)) * 0.1
            sf.write(root / kind / f"{i}.flac", wave, rate)
    return Corpus.from_directories([root / "clean"], [root / "noise"])
