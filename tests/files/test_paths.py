"""What a path names: one file, many files, or a URL."""

from __future__ import annotations

from pathlib import Path

from rtdenoise.files import is_batch, is_url


def test_is_batch(tmp_path):
    assert is_batch(tmp_path) and is_batch(Path("*.wav")) and is_batch(Path("@list"))
    odd = tmp_path / "take[1].wav"
    odd.touch()
    assert not is_batch(odd) and not is_batch(Path("plain.wav"))


def test_is_url():
    assert is_url("s3://voices/in") and not is_url("voices/in") and not is_url("C:\\in.wav")
