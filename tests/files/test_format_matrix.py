"""Every readable format into every writable one: length, rate, channels and sound stay."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser
from rtdenoise.files import AUDIO_SUFFIXES, open_reader, open_writer
from tests.command import only

pytest.importorskip("av")
RATE, FRAMES = 48_000, 9600
# Formats of samplers and of other times, which libsndfile writes at few rates or cannot read back.
LEFT_OUT = {"RAW", "SD2", "MPC2K", "SDS", "XI", "WVE", "HTK"}
UNREADABLE = {("AIFF", f"DWVW_{bits}") for bits in (12, 16, 24)}
UNREADABLE |= {("MP3", "MPEG_LAYER_I"), ("MP3", "MPEG_LAYER_II"), ("WAV", "MPEG_LAYER_III")}
SOUNDS = [
    (container, subtype)
    for container in sorted(set(sf.available_formats()) - LEFT_OUT)
    for subtype in sorted(sf.available_subtypes(container))
    if (container, subtype) not in UNREADABLE
]
MEDIA = "3gp aac ac3 avi flv m4a m4b m4v mka mkv mov mp4 ts webm wma wmv".split()
# What FFmpeg's encoders add: whole packets at the end, a delay where the format states none. Its
# WMA decoder leaves out the first 2048 samples.
MOST_EXTRA, MOST_DELAY = 3 * 2048, {"ac3": 256, "wma": 2048, "wmv": 2048, "avi": 47, "flv": 47}
EXACT = sorted({suffix[1:] for suffix in AUDIO_SUFFIXES} - set(MEDIA))


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    """A fifth of a second of noise below 4 kHz [frames, 2], which any codec holds."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal((FRAMES, 2)), axis=0)
    spectrum[FRAMES * 4000 // RATE :] = 0
    return (0.3 * np.fft.irfft(spectrum, FRAMES, axis=0)).astype(np.float32)


def read(path: Path) -> tuple[np.ndarray, int]:
    with open_reader(path) as reader:
        return np.concatenate(list(reader.blocks(RATE))), reader.sample_rate


def convert(source: Path, target: Path) -> None:
    with open_reader(source) as reader, open_writer(target, reader) as writer:
        for block in reader.blocks(RATE):
            writer.write(block)


def write_sound(folder: Path, clip: np.ndarray, container: str, subtype: str) -> Path:
    """Write stereo, or mono where the codec has no more."""
    path = folder / f"in.{container.lower()}"
    try:
        sf.write(path, clip, RATE, subtype, format=container)
    except (sf.SoundFileError, ValueError):
        sf.write(path, clip[:, :1], RATE, subtype, format=container)
    return path


def likeness(one: np.ndarray, other: np.ndarray, most_delay: int) -> float:
    """Return the largest correlation of the first channels within `most_delay` samples."""
    size = len(one) + len(other)
    first, second = (np.fft.rfft(sound[:, 0], size) for sound in (one, other))
    products = np.fft.irfft(first * second.conj(), size)
    near = np.concatenate([products[: most_delay + 1], products[-most_delay - 1 :]])
    return float(near.max() / (np.linalg.norm(one[:, 0]) * np.linalg.norm(other[:, 0])))


def check(
    target: Path, before: tuple[np.ndarray, int], least: float = 0.95, delay: int | None = None
) -> None:
    """Assert that `target` holds the sound `before` = (samples, rate)."""
    (after, rate), suffix = read(target), target.suffix[1:]
    assert after.shape[1] == before[0].shape[1], target
    if suffix in EXACT:
        assert abs(len(after) / rate - len(before[0]) / before[1]) < 1 / 8000, target
    else:
        assert -2048 <= len(after) - len(before[0]) <= MOST_EXTRA, target
    if rate == before[1]:
        most = MOST_DELAY.get(suffix, 0) if delay is None else delay
        assert likeness(after, before[0], most) > least, target


@pytest.mark.parametrize("container, subtype", SOUNDS)
def test_each_sound_format_becomes_each_other(tmp_path, clip, container, subtype):
    source = write_sound(tmp_path, clip, container, subtype)
    before = read(source)
    assert len(before[0]) >= FRAMES and likeness(before[0], clip, 2) > 0.9
    targets = [*EXACT, "m4a", "mkv"] if subtype in ("PCM_24", "OPUS", "ULAW") else EXACT
    for suffix in targets:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fewer bits, another rate
            convert(source, tmp_path / f"out.{suffix}")
        check(tmp_path / f"out.{suffix}", before)
    only(tmp_path, source.name, *(f"out.{suffix}" for suffix in targets))


@pytest.mark.parametrize("suffix", MEDIA)
def test_each_media_format_becomes_each_other(tmp_path, clip, suffix):
    sf.write(tmp_path / "in.wav", clip, RATE)
    source = tmp_path / f"in.{suffix}"
    convert(tmp_path / "in.wav", source)
    check(source, (clip, RATE), 0.85)
    before = read(source)
    for other in [*MEDIA, "wav", "flac", "mp3", "opus", "ogg", "aiff"]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # another codec
            convert(source, tmp_path / f"out.{other}")
        # The codec stays where the format holds it: 1105 samples of delay are those of MP3.
        check(tmp_path / f"out.{other}", before, 0.85, 2048 if other in MEDIA else 0)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 96_000, 192_000, 12_345])
def test_rates_that_a_codec_lacks_become_the_next_one(tmp_path, clip, rate):
    sf.write(tmp_path / "in.wav", clip, rate)
    for suffix in ("opus", "mp3", "m4a", "webm", "ac3", "flac", "ogg"):
        target = tmp_path / f"out.{suffix}"
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            convert(tmp_path / "in.wav", target)
        after, new = read(target)
        assert len(after) / new == pytest.approx(FRAMES / rate, abs=4096 / min(rate, new))
        # FFmpeg decodes Opus at 48 kHz, whatever it was made from
        assert (new == rate) == (not caught) or suffix == "webm", suffix
        assert new >= rate or rate > 48_000
        assert all(str(rate) in str(warning.message) for warning in caught)


def test_contents_count_not_the_suffix(tmp_path, clip, toy_stream_model):
    """An MP3 called .wav, a WAV called .mp4, an M4A called .mp3."""
    denoiser = Denoiser(toy_stream_model, mix=0.0)
    sf.write(tmp_path / "mp3.wav", clip, RATE, "MPEG_LAYER_III", format="MP3")
    sf.write(tmp_path / "wav.mp4", clip, RATE, "PCM_16", format="WAV")
    sf.write(tmp_path / "in.wav", clip, RATE)
    convert(tmp_path / "in.wav", tmp_path / "m4a.m4a")
    (tmp_path / "m4a.m4a").rename(tmp_path / "m4a.mp3")
    for name in ("mp3.wav", "wav.mp4", "m4a.mp3"):
        denoiser.file(tmp_path / name, tmp_path / "out.wav", force=True)
        assert sf.info(tmp_path / "out.wav").format == "WAV"
        check(tmp_path / "out.wav", read(tmp_path / name))


@pytest.mark.parametrize(
    "source, target, subtype",
    [
        (("WAV", "FLOAT"), "flac", "PCM_24"),
        (("WAV", "PCM_32"), "flac", "PCM_24"),
        (("WAV", "PCM_24"), "flac", "PCM_24"),
        (("CAF", "ALAC_24"), "wav", "PCM_24"),
        (("WAV", "PCM_U8"), "caf", "PCM_S8"),
        (("WAV", "IMA_ADPCM"), "aiff", "PCM_16"),
        (("W64", "PCM_24"), "wav", "PCM_24"),
        (("OGG", "OPUS"), "ogg", "OPUS"),
        (("MP3", "MPEG_LAYER_III"), "wav", "PCM_16"),
    ],
)
def test_bits_are_kept_where_the_format_holds_them(tmp_path, clip, source, target, subtype):
    path = write_sound(tmp_path, clip, *source)
    convert(path, tmp_path / f"out.{target}")
    assert sf.info(tmp_path / f"out.{target}").subtype == subtype


def test_fewer_bits_are_told(tmp_path, clip):
    sf.write(tmp_path / "in.wav", clip, RATE, "PCM_24")
    with pytest.warns(UserWarning, match="16 bits a sample instead of 24"):
        convert(tmp_path / "in.wav", tmp_path / "out.voc")


@pytest.mark.parametrize("rate", [64, 128, 192, 320])
@pytest.mark.parametrize("suffix", ["mp3", "opus"])
def test_the_bit_rate_is_kept(tmp_path, suffix, rate):
    long = np.random.default_rng(0).standard_normal((4 * RATE, 2)).astype("f") * 0.1
    level = (320 - rate) / 288 if suffix == "mp3" else (256 - rate / 2) / 250
    mode = {"bitrate_mode": "CONSTANT"} if suffix == "mp3" else {}
    source, target = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    kind = ("MPEG_LAYER_III", "MP3") if suffix == "mp3" else ("OPUS", "OGG")
    with sf.SoundFile(
        source, "w", RATE, 2, kind[0], format=kind[1], compression_level=level, **mode
    ) as file:
        file.write(long)
    convert(source, target)
    sizes = [path.stat().st_size for path in (source, target)]
    assert sizes[0] * 8 / 4 == pytest.approx(rate * 1000, rel=0.1)
    assert sizes[1] == pytest.approx(sizes[0], rel=0.08)
