"""Moved to train.data.shards."""

from train.moved import forward

forward(__name__, "train.shards", "train.data.shards")
