"""What a path names: one file, many files, or a URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtdenoise import RtdenoiseError
from rtdenoise.files import check_output, is_batch, is_url
from rtdenoise.files.paths import check_input


def test_is_batch(tmp_path):
    assert is_batch(tmp_path) and is_batch(Path("*.wav")) and is_batch(Path("@list"))
    odd = tmp_path / "take[1].wav"
    odd.touch()
    assert not is_batch(odd) and not is_batch(Path("plain.wav"))


def test_a_recording_whose_name_begins_with_an_at_sign(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("@take.wav").touch()
    assert not is_batch(Path("@take.wav"))
    Path("take.wav").touch()
    assert is_batch(Path("@take.wav"))  # as documented; ./@take.wav is the recording
    assert not is_batch(Path("./" + "@take.wav").absolute())


def test_names_that_the_system_refuses(tmp_path):
    long, loop = tmp_path / ("n" * 252 + ".wav"), tmp_path / "loop.wav"
    loop.symlink_to(loop)
    assert not is_batch(long)
    for check in (check_input, lambda path: check_output(tmp_path / "in.wav", path, True)):
        (tmp_path / "in.wav").write_bytes(b"x")
        with pytest.raises(RtdenoiseError, match="too long.*choose a shorter name"):
            check(long)
        with pytest.raises(RtdenoiseError, match="links form a loop, so give the file itself"):
            check(loop)


def test_is_url():
    assert is_url("s3://voices/in") and not is_url("voices/in") and not is_url("C:\\in.wav")
