"""Packed corpora: they come back, also in pieces, and hold out whole speakers."""

from __future__ import annotations

import pytest
import torch

from rtdenoise.errors import RtdenoiseError
from train.data import shards
from train.data.corpus import Corpus


def test_speakers_are_held_out_as_a_whole(corpus):
    train, held = corpus.hold_out(0.4)
    sides = [{c.speaker for c in side.clean.clips} for side in (train, held)]
    assert sides[0] and sides[1] and not sides[0] & sides[1]


def test_packed_corpus_comes_back(corpus, tmp_path):
    corpus.save(tmp_path)
    back = Corpus.load(tmp_path)
    assert torch.equal(back.clean.samples, corpus.clean.samples)
    assert back.clean.clips == corpus.clean.clips and back.noise.clips == corpus.noise.clips


@pytest.mark.parametrize("codec", ["flac", "opus"])
def test_pieces_to_carry_come_back(corpus, tmp_path, monkeypatch, codec):
    packed, carried, back = (tmp_path / name for name in ("packed", "carried", "back"))
    corpus.save(packed)
    seconds = corpus.clean.seconds / 2.5  # three pieces
    monkeypatch.setitem(shards.CODECS, codec, (*shards.CODECS[codec][:3], int(seconds)))
    shards.shards(packed, carried, codec)
    assert len(list(carried.glob(f"clean-*.{codec}"))) >= 3
    shards.shards(carried, back)
    got = Corpus.load(back)
    assert got.clean.samples.shape == corpus.clean.samples.shape
    if codec == "flac":
        assert torch.equal(got.clean.samples, corpus.clean.samples)
        assert got.clean.clips == corpus.clean.clips
    assert max(clip.bandwidth for clip in got.clean.clips) <= (
        24_000 if codec == "flac" else 20_000
    )
    next(carried.glob(f"clean-*.{codec}")).unlink()
    with pytest.raises(RtdenoiseError, match="copy all of them"):
        shards.join(carried)
