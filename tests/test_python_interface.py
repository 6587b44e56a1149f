"""Arrays of any type, shape, layout and level, and what is no audio: what comes back from them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import Denoiser, RtdenoiseError
from tests.command import noise

FRAMES = 5000


def in_type(audio: np.ndarray, kind: str) -> np.ndarray:
    """`audio` as a WAV file of this type has it."""
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return audio.astype(dtype)
    scale = 2 ** (8 * dtype.itemsize - 1)
    return (np.rint(audio * scale) + (scale if dtype.kind == "u" else 0)).astype(dtype)


@pytest.mark.parametrize("kind", ["i1", "u1", "<i2", ">i2", "i4", "f2", ">f4", "f8", "longdouble"])
def test_audio_comes_back_in_its_own_type_and_scale(toy_denoiser, kind):
    audio = in_type(noise(FRAMES)[:, 0], kind)
    step = {1: 2**-7, 2: 2**-11}.get(audio.dtype.itemsize, 2**-15)
    expected = toy_denoiser(noise(FRAMES)[:, 0], 48_000)
    got = toy_denoiser(audio, 48_000)
    assert got.dtype == audio.dtype and got.shape == audio.shape
    scale = 1.0 if audio.dtype.kind == "f" else 2.0 ** (8 * audio.dtype.itemsize - 1)
    zero = scale if audio.dtype.kind == "u" else 0
    np.testing.assert_allclose((got.astype(float) - zero) / scale, expected, atol=2 * step)


@pytest.mark.parametrize("kind", ["i1", "u1", "i2"])
def test_the_dry_path_returns_every_integer_unchanged(toy_stream_model, kind):
    limits = np.iinfo(kind)
    audio = np.random.default_rng(0).integers(limits.min, limits.max, 3000, kind, endpoint=True)
    np.testing.assert_array_equal(Denoiser(toy_stream_model, mix=0)(audio, 48_000), audio)


@pytest.mark.parametrize("kind", ["i2", "u1", "i4", "f2"])
def test_a_gain_never_wraps_around(toy_stream_model, kind):
    audio = in_type(np.full(3000, 0.9), kind)
    got = Denoiser(toy_stream_model, mix=0, gain_db=60)(audio, 48_000)
    assert np.isfinite(got).all() and (got >= audio).all()


def test_channels_first(toy_denoiser):
    audio = noise(FRAMES, 2)
    expected = toy_denoiser(audio, 48_000)
    np.testing.assert_array_equal(toy_denoiser(audio.T, 48_000, channels_first=True), expected.T)
    mono = audio[:, 0]
    np.testing.assert_array_equal(
        toy_denoiser(mono, 48_000, channels_first=True), toy_denoiser(mono, 48_000)
    )
    with pytest.raises(RtdenoiseError, match="channels_first=True"):
        toy_denoiser(audio.T, 48_000)
    with pytest.raises(RtdenoiseError, match="channels_first=False"):
        toy_denoiser(audio, 48_000, channels_first=True)


@pytest.mark.parametrize("rate", [44100.0, np.float32(44100), np.int16(16000), np.array(8000)])
def test_a_sample_rate_may_be_of_any_number_type(toy_denoiser, rate):
    audio = noise(2000)
    np.testing.assert_array_equal(toy_denoiser(audio, rate), toy_denoiser(audio, int(rate)))


@pytest.mark.parametrize(
    "audio",
    [
        noise(FRAMES)[::-1],
        np.asfortranarray(noise(FRAMES, 2)),
        noise(FRAMES)[::3, 0],
        noise(300)[:, 0].tolist(),
        np.broadcast_to(np.float32(0.1), (900, 2)),
    ],
    ids=["reversed", "Fortran order", "strided", "list", "read-only"],
)
def test_any_memory_layout(toy_denoiser, audio):
    plain = np.array(audio, np.float32, order="C")
    before = plain.copy()
    np.testing.assert_allclose(toy_denoiser(audio, 48_000), toy_denoiser(plain, 48_000), atol=1e-7)
    np.testing.assert_array_equal(plain, before)


def test_no_audio_gives_no_audio(toy_denoiser):
    for shape in ((0,), (0, 2)):
        out = toy_denoiser(np.zeros(shape, np.int16), 48_000)
        assert out.shape == shape and out.dtype == np.int16


def test_a_processor_keeps_the_type_of_its_blocks(toy_denoiser):
    processor = toy_denoiser.processor()
    processor.prepare(44_100, 1, 512)
    audio = in_type(noise(2048), "i2")
    out = [processor.process(block) for block in np.split(audio, 4)] + [processor.flush()]
    assert {block.dtype for block in out} == {np.dtype("i2")}
    floats = toy_denoiser.processor()
    floats.prepare(44_100, 1, 512)
    expected = np.concatenate([floats.process(audio / np.float32(2**15)), floats.flush()])
    assert np.abs(np.concatenate(out) / 2**15 - expected).max() < 2**-15


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e11, 1e30, -3e38])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_what_is_no_audio_is_zeroed_counted_and_told(toy_denoiser, tmp_path, value, rate):
    audio = noise(2 * rate)
    audio[rate : rate + 7] = value
    zeroed = np.where(np.abs(audio) < 1e10, audio, 0).astype(np.float32)
    expected = toy_denoiser(zeroed, rate)
    with pytest.warns(UserWarning, match="the audio: 7 samples were NaN, infinite or beyond"):
        np.testing.assert_array_equal(toy_denoiser(audio, rate), expected)
    sf.write(tmp_path / "in.wav", audio, rate, subtype="FLOAT")
    with pytest.warns(UserWarning, match=r"in.wav: 7 samples were NaN, infinite or beyond"):
        toy_denoiser.file(tmp_path / "in.wav", tmp_path / "out.wav")
    np.testing.assert_allclose(sf.read(tmp_path / "out.wav")[0], expected[:, 0], atol=1e-5)


@pytest.mark.parametrize("level", [1e-30, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("form", ["stream", "segment", "rolling"])
def test_finite_audio_stays_finite_at_any_level(request, form, level):
    model = request.getfixturevalue(f"toy_{form}_model")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = Denoiser(model, gain_db=60)(noise(20_000) * np.float32(level), 44_100)
    assert np.isfinite(out).all()


def test_samples_of_the_network_that_are_no_audio_are_zeroed_and_told(toy_denoiser):
    processor = toy_denoiser.processor()
    processor.prepare(48_000, 1, 480, whole_hops=True)
    step = processor.engine.step
    broken = [np.nan, np.inf, 1e20]

    def fail_once(block: np.ndarray) -> np.ndarray:
        return np.full_like(block, broken.pop()) if broken else step(block)

    resets: list[int] = []
    processor.engine.step, processor.engine.reset = fail_once, lambda: resets.append(1)
    out = [processor.process(noise(480)) for _ in range(8)]
    assert len(resets) == 3  # a state that led to NaN must not stay
    assert processor.nonfinite_output == 3 * 480 and processor.nonfinite == 0
    assert np.isfinite(out).all() and not np.any(out[:3]) and np.any(out[5:])


def test_a_warning_names_the_line_of_the_caller(toy_denoiser):
    with pytest.warns(UserWarning) as caught:
        toy_denoiser(np.full(10, np.nan, np.float32), 48_000)
    assert Path(caught[0].filename) == Path(__file__)
