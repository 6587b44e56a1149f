"""The processor, tested as plugin validators test plugins."""

import os

import numpy as np
import pytest

from rtdenoise import Denoiser
from rtdenoise.errors import RtdenoiseError
from rtdenoise.processing.processor import Processor

RNG = np.random.default_rng(0)


class Delay:
    """An engine that only delays by 480, as a network with 480 samples of look-ahead would."""

    hop, delay = 480, 480

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.reset()

    def reset(self) -> None:
        self._tail = np.zeros((self.channels, self.delay), np.float32)

    def step(self, block: np.ndarray) -> np.ndarray:
        assert block.shape[1] % self.hop == 0 and np.isfinite(block).all()
        joined = np.concatenate([self._tail, block], axis=1)
        self._tail = joined[:, -self.delay :]
        return joined[:, : block.shape[1]]


class Mute(Delay):
    def step(self, block: np.ndarray) -> np.ndarray:
        return np.zeros_like(block)


def make(engine=Delay, rate=48_000, channels=1, block=4096) -> Processor:
    processor = Processor(engine)
    processor.prepare(rate, channels, block)
    return processor


def run_random(processor: Processor, audio: np.ndarray, longest: int) -> np.ndarray:
    out, i = [], 0
    while i < len(audio):
        size = int(RNG.integers(0, longest + 1))
        piece = audio[i : i + size]
        got = processor.process(piece)
        assert got.shape == piece.shape
        out.append(got)
        i += size
    return np.concatenate([*out, processor.flush()])


def tone(rate: int, seconds: float = 0.6, channels: int = 1) -> np.ndarray:
    time = np.arange(int(rate * seconds)) / rate
    audio = np.sin(2 * np.pi * 440 * time) * np.hanning(len(time)) * 0.5
    return np.tile(audio[:, None], channels).astype("f")


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("longest", [64, 1000])
def test_latency_is_exact_at_any_rate_and_block_size(rate, longest):
    audio = tone(rate)
    processor = make(rate=rate, block=longest)
    out = run_random(processor, audio, longest)
    assert len(out) == len(audio) + processor.latency
    np.testing.assert_allclose(out[processor.latency :], audio, atol=2e-3)


def test_dry_path_is_delayed_to_match():
    audio = RNG.standard_normal((9000, 2)).astype("f")
    processor = make(Mute, channels=2)
    processor.mix = 0.0
    processor.reset()
    out = run_random(processor, audio, 700)
    np.testing.assert_array_equal(out[processor.latency :], audio)


def test_attenuation_limit():
    audio = tone(48_000)
    processor = make(Mute)
    processor.attenuation_limit_db = 12.0
    processor.reset()
    out = run_random(processor, audio, 512)[processor.latency :]
    np.testing.assert_allclose(out, audio * 10 ** (-12 / 20), atol=1e-6)


def test_parameters_changed_at_random_never_click():
    audio = tone(48_000, 2.0)
    processor = make(Mute)
    out = []
    for i in range(0, len(audio), 240):
        if i % 2400 == 0:
            processor.mix = float(RNG.random())
            processor.bypass = bool(RNG.integers(2))
            processor.gain_db = float(RNG.uniform(-20, 0))
            processor.attenuation_limit_db = [None, 3.0, 20.0][RNG.integers(3)]
        out.append(processor.process(audio[i : i + 240]))
    steps = np.abs(np.diff(np.concatenate(out)[:, 0]))
    # The steepest step of the tone itself, plus the steepest ramp: full scale in 20 ms.
    assert steps.max() < 0.5 * 2 * np.pi * 440 / 48_000 + 2 * 0.5 / 960 + 1e-4


def test_pass_through_neither_clicks_nor_shifts():
    """As in live audio under overload: the network fades out, pauses, and fades in again."""
    audio = tone(48_000, 1.0)
    processor = Processor(Delay)
    processor.prepare(48_000, 1, 480, whole_hops=True)
    out = []
    for i in range(0, len(audio), 480):
        step = processor.pass_through if 40 <= i // 480 < 60 else processor.process
        out.append(step(audio[i : i + 480]))
    heard = np.concatenate(out)
    np.testing.assert_allclose(heard[480 : 40 * 480], audio[: 39 * 480], atol=1e-6)
    # Dry and denoised are the same here, so the only change may be one hop's fade-in from the
    # silence that the engine starts with after the pause.
    np.testing.assert_allclose(heard[42 * 480 : 60 * 480], audio[41 * 480 : 59 * 480], atol=1e-6)
    np.testing.assert_allclose(heard[63 * 480 :], audio[62 * 480 : -480], atol=1e-6)
    steps = np.abs(np.diff(heard[:, 0]))
    assert steps.max() < 0.5 * 2 * np.pi * 440 / 48_000 + 2 * 0.5 / 960 + 1e-4


def test_nan_and_inf_are_zeroed_and_counted_and_do_not_spread():
    audio = tone(48_000)
    broken = audio.copy()
    broken[3000:3010] = np.nan
    broken[5000] = np.inf
    processor = make()
    out = run_random(processor, broken, 512)[processor.latency :]
    assert processor.nonfinite == 11
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out[6000:], audio[6000:])


@pytest.mark.parametrize("level", [0.0, 1e-40])
def test_silence_and_denormals_stay_silent(level):
    out = run_random(make(), np.full((5000, 1), level, np.float32), 300)
    assert np.abs(out).max() <= 1e-30


@pytest.mark.parametrize("level", [0.0, 1e-40])
def test_a_network_stays_silent_on_silence_and_denormals(toy_stream_model, level):
    processor = Denoiser(toy_stream_model).processor()
    processor.prepare(48_000, 1, 480)
    block = np.full((480, 1), level, np.float32)
    peak = max(float(np.abs(processor.process(block)).max()) for _ in range(1000))
    assert peak < 1e-6


@pytest.mark.parametrize("channels", [0, 9])
def test_channel_counts_outside_1_to_8_are_refused(channels):
    with pytest.raises(RtdenoiseError, match="channels"):
        make(channels=channels)


def test_whole_hops_need_no_buffering():
    processor = Processor(Delay)
    processor.prepare(48_000, 1, 480, whole_hops=True)
    assert processor.latency == 480
    audio = tone(48_000)[: 480 * 20]
    out = np.concatenate([processor.process(b) for b in np.split(audio, 20)])
    np.testing.assert_array_equal(out[480:], audio[:-480])


RATES_THAT_BEAT = [
    (11_025, 160),
    (12_000, 160),
    (22_050, 160),
    (22_050, 512),
    (4570, 163),
    (5793, 777),
    (300, 64),  # the filters of soxr last for seconds
]


@pytest.mark.parametrize("rate, longest", RATES_THAT_BEAT)
def test_the_output_never_falls_behind(rate, longest):
    """The blocks of two resamplers and the hops meet in a new way for many seconds."""
    processor = make(rate=rate, block=longest)
    seconds = max(15, 9000 // rate)
    sizes = [1, 2, longest - 1, longest]
    sizes = np.random.default_rng(0).choice(sizes, seconds * rate // longest * 2)
    out = np.concatenate([processor.process(np.ones((size, 1), np.float32)) for size in sizes])
    assert len(out) > 0.7 * seconds * rate
    settled = out[processor.latency + rate // 4 :]
    assert settled.min() > 0.99  # a frame that is not there yet would be zero


def test_an_output_that_is_always_ahead_needs_no_buffering():
    class Short(Delay):
        hop, delay = 406, 92

    processor, block = Processor(Short), np.ones((863, 1), np.float32)
    processor.prepare(58_755, 1, len(block))
    out = np.concatenate([processor.process(block) for _ in range(300)])
    assert out[processor.latency + 15_000 :].min() > 0.99


def test_a_million_blocks_need_no_more_memory():
    processor, block = make(block=64), np.ones((16, 1), np.float32)
    resident = []
    for i in range(1_000_000):
        processor.process(block)
        if i in (100_000, 999_999):
            resident.append(resident_memory())
    assert len(processor._fifo) < 2000 and len(processor._unprocessed) < 480
    assert resident[1] - resident[0] < 4e6


def resident_memory() -> int:
    """Resident memory of this process in bytes."""
    with open("/proc/self/statm") as handle:
        return int(handle.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_reset_in_the_middle_is_a_fresh_start(rate):
    audio, used = tone(rate), make(rate=rate)
    run_random(used, RNG.standard_normal((7001, 1)).astype("f"), 512)
    used.process(np.full((100, 1), np.nan, np.float32))
    used.reset()
    parts = [audio[i : i + 333] for i in range(0, len(audio), 333)]
    fresh = make(rate=rate)
    for part in parts:
        np.testing.assert_array_equal(used.process(part), fresh.process(part))
