"""Moved to train.data.corpus."""

from train.moved import forward

forward(__name__, "train.corpus", "train.data.corpus")
