"""Damaged input files: what can be decoded is denoised, with a warning."""

from __future__ import annotations

import pytest
import soundfile as sf

from rtdenoise import RtdenoiseError
from rtdenoise.files.audio_reader import AudioReader
from tests.command import noise, refused, run


def test_a_recording_cut_off_in_the_middle(tmp_path, toy_stream_model):
    whole = noise(96_000)
    for name in ("cut.wav", "cut.flac"):
        sf.write(tmp_path / name, whole, 48_000)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        out = tmp_path / f"out-{name}"
        result = run("file", tmp_path / name, out, "--model", toy_stream_model)
        assert result.returncode == 0, result.stderr
        assert "cut off or damaged" in result.stderr
        assert 20_000 < sf.info(out).frames < 60_000


def test_a_damaged_flac_with_a_start(tmp_path, toy_stream_model):
    """libsndfile cannot seek in it: what comes before the damage is read instead."""
    sf.write(tmp_path / "in.flac", noise(96_000), 48_000)
    data = bytearray((tmp_path / "in.flac").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 100] = b"\xff" * 100
    (tmp_path / "in.flac").write_bytes(data)
    with AudioReader(tmp_path / "in.flac") as reader:
        with pytest.raises(sf.SoundFileError):
            reader._file.seek(47_000)
        reader.skip(40_000)
        assert reader.frames_read == 40_000
    with AudioReader(tmp_path / "in.flac") as reader:
        with pytest.raises(RtdenoiseError, match="is damaged before --start"):
            reader.skip(47_000)
    command = ("file", tmp_path / "in.flac", tmp_path / "out.flac", "--model", toy_stream_model)
    result = run(*command, "--start", "0.2")
    assert result.returncode == 0 and "damaged" in result.stderr, result.stderr
    assert sf.info(tmp_path / "out.flac").frames > 24_000


def test_a_file_of_raw_samples_is_refused(tmp_path):
    (tmp_path / "in.raw").write_bytes(bytes(4000))
    refused(run("file", tmp_path / "in.raw", tmp_path / "out.wav"), "cannot be read as audio")
