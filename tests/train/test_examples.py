"""Examples of training clips to listen to and to look at."""

from __future__ import annotations

import numpy as np
import soundfile as sf

from train.examples import examples


def test_examples_are_rendered(corpus, tmp_path):
    corpus.save(tmp_path / "packed")
    out = tmp_path / "out"
    examples(tmp_path / "packed", out, count=3, seconds=1.0, seed=1)
    assert len(list(out.glob("*.png"))) == 3
    noisy, rate = sf.read(out / "02-noisy.wav")
    clean, _ = sf.read(out / "02-clean.wav")
    assert rate == 48_000 and noisy.shape == clean.shape == (48_000,)
    assert np.abs(noisy).max() > 0
