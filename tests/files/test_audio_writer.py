"""Output files: the format and tags of the input; complete or absent."""

from __future__ import annotations

import resource
import signal

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.files import open_reader, open_writer
from rtdenoise.files.audio_reader import AudioReader
from rtdenoise.files.audio_writer import AudioWriter
from tests.command import noise, only, refused, run


@pytest.mark.parametrize(
    "container, subtype",
    [
        ("wav", "PCM_16"),
        ("wav", "PCM_U8"),
        ("flac", "PCM_24"),
        ("ogg", "VORBIS"),
        ("opus", "OPUS"),
        ("mp3", "MPEG_LAYER_III"),
        ("aiff", "PCM_16"),
        ("caf", "FLOAT"),
    ],
)
def test_formats_are_kept(tmp_path, toy_stream_model, container, subtype):
    source, target = tmp_path / f"in.{container}", tmp_path / f"out.{container}"
    kind = "OGG" if container == "opus" else container.upper()
    sf.write(source, noise(20_000), 48_000, subtype, format=kind)
    Denoiser(toy_stream_model).file(source, target)
    before, after = sf.info(source), sf.info(target)
    assert (after.format, after.subtype) == (before.format, subtype)
    assert after.frames == before.frames


@pytest.mark.parametrize("target", ["out.wav", "out.flac", "out.ogg", "out.aiff"])
@pytest.mark.parametrize("source", ["in.mp3", "in.opus", "in.wav"])
def test_formats_can_be_converted(tmp_path, toy_stream_model, source, target):
    kind = {"in.mp3": ("MPEG_LAYER_III", "MP3"), "in.opus": ("OPUS", "OGG")}
    subtype, container = kind.get(source, ("PCM_16", "WAV"))
    sf.write(tmp_path / source, noise(20_000), 48_000, subtype, format=container)
    Denoiser(toy_stream_model).file(tmp_path / source, tmp_path / target)
    assert sf.info(tmp_path / target).frames == sf.info(tmp_path / source).frames


def test_tags_are_kept(tmp_path, toy_stream_model):
    with sf.SoundFile(tmp_path / "in.flac", "w", 48_000, 1) as handle:
        handle.title = "A take"
        handle.write(noise(5000))
    Denoiser(toy_stream_model).file(tmp_path / "in.flac", tmp_path / "out.flac")
    assert sf.SoundFile(tmp_path / "out.flac").title == "A take"


def test_a_full_disk_leaves_nothing(tmp_path):
    """A file-size limit stops the write in the middle, as a full disk does."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    noisy = tmp_path / "noisy.wav"
    sf.write(noisy, noise(30_000), 48_000, subtype="PCM_24")
    refused(run("file", noisy, tmp_path / "out.wav", preexec_fn=limit), "free some disk space")
    only(tmp_path, "noisy.wav")


SUBTYPES = [
    (container, subtype)
    for container in ("WAV", "AU", "AIFF", "CAF", "W64", "VOC", "OGG", "MP3")
    for subtype in sf.available_subtypes(container)
    if sf.check_format(container, subtype) and not subtype.startswith(("DWVW", "MPEG_LAYER_I"))
]


def test_samples_above_full_scale_never_wrap_around(tmp_path):
    """libsndfile's u-law, A-law, ADPCM and GSM turn +1.5 into a negative sample."""
    loud = (3 * np.sin(np.arange(48_000) * 2 * np.pi * 300 / 48_000)).astype("f")[:, None]
    for container, subtype in SUBTYPES:
        source = tmp_path / f"in.{container.lower()}"
        sf.write(source, noise(9600), 48_000, subtype, format=container)
        target = source.with_name(f"out{source.suffix}")
        with AudioReader(source) as like, AudioWriter(target, like) as writer:
            writer.write(loud)
        after, _ = sf.read(target, dtype="float32")
        match = np.corrcoef(after[: len(loud)], np.clip(loud, -1, 1)[:, 0])[0, 1]
        assert match > 0.9, subtype


@pytest.mark.parametrize(
    "container, subtype",
    [("WAV", name) for name in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32")]
    + [("AIFF", "PCM_S8"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("CAF", "ALAC_24")],
)
def test_unchanged_samples_are_the_same_bits(tmp_path, container, subtype):
    """libsndfile reads 16 bits with a scale of 32768 and writes them with 32767."""
    bits = min(24, int(subtype.rpartition("_")[2].strip("SU")))
    values = np.linspace(-(1 << bits - 1), (1 << bits - 1) - 1, 5000).round() / (1 << bits - 1)
    sound = values.astype("f")[:, None]
    source, target = tmp_path / f"in.{container.lower()}", tmp_path / f"out.{container.lower()}"
    sf.write(source, sound[:10], 48_000, subtype, format=container)
    with AudioReader(source) as like, AudioWriter(target, like) as writer:
        writer.write(sound)
    np.testing.assert_array_equal(sf.read(target, dtype="float32", always_2d=True)[0], sound)


@pytest.mark.parametrize("suffix", ["mp3", "mp4", "ogg", "opus", "webm"])
def test_samples_that_are_far_too_loud_reach_no_encoder(tmp_path, suffix):
    """LAME aborted the process with 5e14, and FFmpeg's AAC encoder did not return."""
    sound = noise(20_000)
    sound[5000:5010] = 9e9
    sound[9000] = -9e9
    sf.write(tmp_path / "in.wav", sound, 48_000, "FLOAT")
    target = tmp_path / f"out.{suffix}"
    with AudioReader(tmp_path / "in.wav") as like, open_writer(target, like) as writer:
        writer.write(sound)
    with open_reader(target) as reader:
        assert np.abs(np.concatenate(list(reader.blocks(48_000)))).max() < 20


def test_blocks_that_libvorbis_cannot_put_on_the_stack(tmp_path):
    """40 s at 96 kHz in one block ended the process with a segmentation fault."""
    sf.write(tmp_path / "in.wav", noise(9600), 96_000)
    with AudioReader(tmp_path / "in.wav") as like:
        with AudioWriter(tmp_path / "out.ogg", like) as writer:
            writer.write(np.zeros((40 * 96_000, 1), np.float32))
    assert sf.info(tmp_path / "out.ogg").frames == 40 * 96_000


@pytest.mark.parametrize("rate", [65_537, 705_600])
def test_rates_that_flac_cannot_state(tmp_path, rate):
    sf.write(tmp_path / "in.wav", noise(9600), rate)
    with AudioReader(tmp_path / "in.wav") as like:
        with pytest.raises(RtdenoiseError, match=f"cannot hold {rate} Hz: .* choose .wav"):
            AudioWriter(tmp_path / "out.flac", like)
    only(tmp_path, "in.wav")


def test_rates_that_vorbis_does_not_hold(tmp_path):
    """libvorbis writes files of more than 200 kHz that nobody can read."""
    sf.write(tmp_path / "in.wav", noise(80_000), 400_000)
    with AudioReader(tmp_path / "in.wav") as like:
        with pytest.warns(UserWarning, match="does not hold 400000 Hz: it has 192000 Hz"):
            with AudioWriter(tmp_path / "out.ogg", like) as writer:
                writer.write(noise(80_000))
    assert sf.info(tmp_path / "out.ogg").duration == pytest.approx(0.2, abs=0.001)
