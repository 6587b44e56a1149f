"""Damaged input files: what can be decoded is denoised, with a warning."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import RtdenoiseError
from rtdenoise.files import open_reader
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


def read(path) -> tuple[np.ndarray, list[str]]:
    with warnings.catch_warnings(record=True) as caught, open_reader(path) as reader:
        warnings.simplefilter("always")
        sound = np.concatenate(list(reader.blocks(4096)))
    return sound, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("name", ["in.mp3", "in.flac"])
def test_what_comes_after_damage_is_read_too(tmp_path, name):
    """libsndfile gives up; the rest of an hour would be lost."""
    pytest.importorskip("av")
    path = tmp_path / name
    sf.write(path, noise(6 * 48_000), 48_000)
    whole, data = read(path)[0], bytearray(path.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 6000] = np.random.default_rng(0).bytes(6000)
    path.write_bytes(data)
    sound, told = read(path)
    assert 0.85 * len(whole) < len(sound) <= len(whole)
    piece = whole[-24_000:-22_000, 0]
    windows = np.lib.stride_tricks.sliding_window_view(sound[-48_000:, 0], len(piece))
    assert np.abs(windows - piece).max(axis=1).min() < 1e-3
    assert len(told) == 1 and "what can be read after that" in told[0]


def test_mp3_without_a_stated_length_is_not_called_damaged(tmp_path):
    path = tmp_path / "in.mp3"
    sf.write(path, noise(48_000), 48_000)
    data = path.read_bytes()
    assert b"Xing" in data[:384]  # the first frame, of 128 kbit/s
    path.write_bytes(data[384:] + b"TAG" + bytes(125))
    sound, told = read(path)
    assert len(sound) >= 48_000 and not told


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_every_link_of_a_chained_ogg_file_is_read(tmp_path, subtype):
    one, two, both = (tmp_path / f"{name}.ogg" for name in ("one", "two", "both"))
    sf.write(one, noise(30_000), 48_000, subtype, format="OGG")
    sf.write(two, noise(40_000), 48_000, subtype, format="OGG")
    both.write_bytes(one.read_bytes() + two.read_bytes())
    sound, told = read(both)
    expected = np.concatenate([sf.read(one, dtype="f")[0], sf.read(two, dtype="f")[0]])
    np.testing.assert_allclose(sound[:, 0], expected, atol=1e-6)
    assert not told


def test_a_link_of_another_rate_is_told(tmp_path):
    path = tmp_path / "both.ogg"
    sf.write(path, noise(30_000), 48_000)
    first = path.read_bytes()
    sf.write(path, noise(30_000), 44_100)
    path.write_bytes(first + path.read_bytes())
    sound, told = read(path)
    assert len(sound) == 30_000 and len(told) == 1 and "other rates or channels" in told[0]


def test_a_failure_that_another_thread_wiped_has_a_reason_all_the_same(tmp_path, monkeypatch):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound" * 20)
    opened, tries = sf.SoundFile, []

    def wiped_at_first(source, *rest, **more):
        tries.append(source)
        if len(tries) < 3:
            raise sf.LibsndfileError(0)
        return opened(source, *rest, **more)

    monkeypatch.setattr(sf, "SoundFile", wiped_at_first)
    with pytest.raises(RtdenoiseError, match="Format not recognised"):
        AudioReader(broken)
    assert len(tries) == 3
