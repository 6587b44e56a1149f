"""Readers and writers for any length, rate, channel count, block size and type (hypothesis)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdenoise.files import TimeRange, open_reader, open_writer

FEW = settings(max_examples=25, deadline=None)
# Formats whose samples come back exactly, with the step of their samples.
EXACT = {
    ("wav", "PCM_16"): 2**-15,
    ("wav", "PCM_24"): 2**-23,
    ("wav", "PCM_U8"): 2**-7,
    ("wav", "FLOAT"): 0,
    ("wav", "DOUBLE"): 0,
    ("w64", "PCM_16"): 2**-15,
    ("rf64", "PCM_24"): 2**-23,
    ("flac", "PCM_16"): 2**-15,
    ("flac", "PCM_24"): 2**-23,
    ("aiff", "PCM_16"): 2**-15,
    ("aiff", "FLOAT"): 0,
    ("au", "PCM_16"): 2**-15,
    ("caf", "FLOAT"): 0,
}
RATES = st.one_of(st.sampled_from([8000, 11_025, 44_100, 48_000]), st.integers(1000, 192_000))


@FEW
@given(
    st.sampled_from(sorted(EXACT)),
    st.integers(1, 5000),
    st.integers(1, 8),
    RATES,
    st.integers(1, 6000),
    st.data(),
)
def test_what_is_read_and_written_is_what_was_there(kind, frames, channels, rate, block, data):
    suffix, subtype = kind
    if suffix == "flac":
        rate = min(rate, 65_535)  # FLAC itself has no odd rates above that
    audio = np.random.default_rng(frames).uniform(-0.9, 0.9, (frames, channels)).astype("f")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, f"in.{suffix}"), Path(folder, f"out.{suffix}")
        sf.write(source, audio, rate, subtype)
        with open_reader(source) as reader:
            assert (reader.sample_rate, reader.channels, reader.frames) == (rate, channels, frames)
            with open_writer(target, reader) as writer:
                blocks = list(reader.blocks(block))
                joined = np.concatenate(blocks)
                while len(joined):  # blocks of other sizes than those that were read
                    size = data.draw(st.integers(1, 3000), "size to write")
                    writer.write(joined[:size])
                    joined = joined[size:]
            assert reader.frames_read == frames
        assert all(0 < len(x) <= block and x.dtype == np.float32 for x in blocks)
        np.testing.assert_allclose(np.concatenate(blocks), audio, atol=EXACT[kind])
        before, after = sf.info(source), sf.info(target)
        assert (after.frames, after.samplerate, after.channels) == (frames, rate, channels)
        assert (after.format, after.subtype) == (before.format, before.subtype)
        np.testing.assert_array_equal(sf.read(target)[0], sf.read(source)[0])
        assert sorted(p.name for p in Path(folder).iterdir()) == [source.name, target.name][::1]


@FEW
@given(st.integers(1, 4000), st.integers(0, 5000), st.integers(1, 2000))
def test_skipped_frames_are_the_first_ones(frames, skipped, block):
    audio = np.random.default_rng(frames).uniform(-0.9, 0.9, (frames, 2)).astype("f")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.wav")
        sf.write(path, audio, 48_000, "FLOAT")
        with open_reader(path) as reader:
            reader.skip(min(skipped, frames - 1))
            rest = np.concatenate(list(reader.blocks(block)))
        np.testing.assert_array_equal(rest, audio[min(skipped, frames - 1) :])


@FEW
@given(st.floats(0, 0.9), st.floats(0.01, 2.0), st.sampled_from([8000, 44_100, 48_000]))
def test_a_time_range_has_its_length_and_place(start, length, rate):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.wav")
        sf.write(path, np.arange(rate) / rate, rate, "FLOAT")
        with open_reader(path) as reader:
            dropped, kept = TimeRange(start, start + length).seek(reader)
            block = next(iter(reader.blocks(rate)))
        first = round(start * rate)
        assert kept == round((start + length) * rate) - first
        assert abs(float(block[dropped, 0]) - first / rate) < 1e-6
