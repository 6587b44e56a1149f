"""Moved to train.data.corpus; the command that packs a corpus, to train.data.packing."""

from train.moved import forward

forward(__name__, "train.corpus", "train.data.corpus", command="train.data.packing")
