"""Moved to train.data.download."""

from train.moved import forward

forward(__name__, "train.download", "train.data.download")
