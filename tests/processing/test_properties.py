"""Properties that hold for any length, rate, channel count, block size and type (hypothesis)."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rtdenoise import Denoiser
from rtdenoise.processing import Processor, Resampler, from_float, mend, to_float

NO_SHRINK = [Phase.explicit, Phase.reuse, Phase.generate]
FEW = settings(
    max_examples=10,
    deadline=None,
    phases=NO_SHRINK,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
RATES = st.one_of(
    st.sampled_from([8000, 16_000, 22_050, 44_100, 48_000, 96_000]), st.integers(4000, 100_000)
)
TYPES = st.sampled_from(["i1", "u1", "<i2", ">i2", "i4", "f2", "f4", "f8"])
BLOCKS = st.lists(st.integers(0, 900), min_size=1, max_size=12)


class Delay:
    """An engine that only delays, by a look-ahead of any length."""

    def __init__(self, channels: int, hop: int, delay: int) -> None:
        self.channels, self.hop, self.delay = channels, hop, delay
        self.reset()

    def reset(self) -> None:
        self._tail = np.zeros((self.channels, self.delay), np.float32)

    def step(self, block: np.ndarray) -> np.ndarray:
        assert block.shape[1] and block.shape[1] % self.hop == 0
        joined = np.concatenate([self._tail, block], axis=1)
        self._tail = joined[:, block.shape[1] :]
        return joined[:, : block.shape[1]]


def audio_of(seed: int, frames: int, channels: int, kind: str = "f4") -> np.ndarray:
    smooth = np.random.default_rng(seed).uniform(-0.5, 0.5, (frames, channels))
    return from_float(smooth.astype(np.float32), np.dtype(kind))


def cut(audio: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    ends = np.cumsum(sizes)
    return [audio[end - size : end] for end, size in zip(ends, sizes, strict=True)]


@FEW
@given(RATES, RATES, st.integers(1, 8), BLOCKS)
def test_a_resampled_stream_does_not_depend_on_its_blocks(source, target, channels, sizes):
    audio = audio_of(1, sum(sizes), channels)
    resampler = Resampler(source, target, channels)
    out = [resampler.process(block) for block in cut(audio, sizes)]
    got = np.concatenate(out)
    assert all(block.shape[1] == channels and block.dtype == np.float32 for block in out)
    if source == target:
        np.testing.assert_array_equal(got, audio)
        return
    assert len(got) <= len(audio) * target / source + 1
    expected = soxr.resample(audio, source, target, "VHQ")  # the whole, with its end
    np.testing.assert_allclose(got, expected[: len(got)], atol=1e-5)


@FEW
@given(RATES, st.integers(1, 8), BLOCKS, TYPES, st.integers(1, 1000), st.integers(0, 1000))
def test_a_processor_keeps_lengths_types_and_the_dry_sound(rate, channels, sizes, kind, hop, delay):
    processor = Processor(lambda count: Delay(count, hop, delay))
    processor.mix = 0.0
    processor.prepare(rate, channels, max(1, *sizes))
    audio = audio_of(2, sum(sizes), channels, kind)
    out = []
    for block in cut(audio, sizes):
        out.append(processor.process(block))
        assert out[-1].shape == block.shape and out[-1].dtype == audio.dtype
    out.append(processor.flush())
    assert out[-1].dtype == audio.dtype
    got = np.concatenate(out)
    assert len(got) == len(audio) + processor.latency
    atol = {"i4": 2**8, "f4": 1e-7, "f8": 1e-7}.get(kind, 0)  # float32 holds 24 bits
    np.testing.assert_allclose(got[processor.latency :], audio, rtol=1e-6, atol=atol)


@FEW
@given(RATES, BLOCKS, st.integers(1, 1000), st.integers(0, 1000))
def test_a_processor_aligns_the_network_with_the_dry_sound(rate, sizes, hop, delay):
    """An engine that only delays must come out where the dry sound does, to half a frame."""
    processor = Processor(lambda count: Delay(count, hop, delay))
    processor.prepare(rate, 1, max(1, *sizes))
    phase = 2 * np.pi * 0.004 * np.arange(sum(sizes))
    audio = np.sin(phase)[:, None].astype(np.float32)
    audio *= np.hanning(len(audio))[:, None].astype(np.float32)
    out = [processor.process(block) for block in cut(audio, sizes)] + [processor.flush()]
    got = np.concatenate(out)[processor.latency :]
    np.testing.assert_allclose(got, audio, atol=0.02)


@FEW
@given(TYPES, st.data())
def test_types_survive_the_way_to_float_and_back(kind, data):
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        values = st.floats(-1e4, 1e4, width=16)
    else:
        values = st.integers(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    audio = np.array(data.draw(st.lists(values, max_size=50)), dtype)
    back = from_float(to_float(audio), dtype)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, audio, atol=2**7 if kind == "i4" else 0)


@FEW
@given(st.lists(st.floats(width=32), max_size=50))
def test_mended_audio_is_finite_and_the_rest_is_unchanged(values):
    audio = np.array(values, np.float32)
    mended, count = mend(audio)
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(audio) <= 1e10)
    assert count == bad.sum() and not mended[bad].any()
    np.testing.assert_array_equal(mended[~bad], audio[~bad])


@pytest.fixture(scope="module")
def denoiser(toy_stream_model) -> Denoiser:
    return Denoiser(toy_stream_model, opening=0.05)


@settings(FEW, max_examples=12)
@given(
    st.integers(0, 3000), st.integers(1, 8), st.sampled_from([8000, 44_100, 48_000]), TYPES,
    st.booleans(),
)  # fmt: skip
def test_a_denoiser_keeps_shape_and_type(denoiser, frames, channels, rate, kind, channels_first):
    audio = audio_of(3, frames, channels, kind)
    audio = audio.T if channels_first else audio
    before = audio.copy()
    out = denoiser(audio, rate, channels_first=channels_first)
    assert out.shape == audio.shape and out.dtype == audio.dtype
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(audio, before)
