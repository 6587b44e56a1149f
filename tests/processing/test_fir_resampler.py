"""The short resampler: exact in time, flat up to 0.9 of half the rate, no output held back."""

import numpy as np
import pytest

from rtdenoise.processing.fir_resampler import FirResampler

RATES = (8000, 16_000, 22_050, 44_100, 96_000)


def there_and_back(rate: int, audio: np.ndarray) -> np.ndarray:
    first, last = FirResampler(rate, 48_000, 1), FirResampler(48_000, rate, 1)
    return last.process(first.process(audio[:, None].astype("f")))[:, 0]


@pytest.mark.parametrize("rate", RATES)
def test_tones_come_back_at_their_time(rate):
    time = np.arange(rate // 2) / rate
    for share in (0.02, 0.5, 0.9):
        tone = np.sin(np.pi * share * min(rate, 48_000) * time + 0.3)
        back = there_and_back(rate, tone)
        inner = slice(1000, len(back) - 1000)
        error = np.mean((back - tone[: len(back)])[inner] ** 2) / np.mean(tone**2)
        assert 10 * np.log10(error) < -90


@pytest.mark.parametrize("rate", RATES)
def test_what_lies_above_the_lower_rate_is_gone(rate):
    low, high = sorted((rate, 48_000))
    time = np.arange(high // 2) / high
    tone = np.sin(np.pi * min(1.15 * low, 0.95 * high) * time).astype("f")
    out = FirResampler(high, low, 1).process(tone[:, None])[200:-200]
    if low * 1.15 < high * 0.95:
        assert 10 * np.log10(np.mean(out**2)) < -90


@pytest.mark.parametrize("rates", [(8000, 48_000), (48_000, 44_100), (16_000, 48_000)])
def test_outputs_are_counted_and_do_not_depend_on_blocks(rates):
    audio = np.random.default_rng(0).normal(0, 0.1, (4000, 2)).astype("f")
    whole = FirResampler(*rates, 2).process(audio)
    parts, given, resampler = [], 0, FirResampler(*rates, 2)
    for size in (0, 1, 2, 300, 1, 1500, 2196):
        parts.append(resampler.process(audio[given : given + size]))
        given += size
        assert sum(map(len, parts)) == resampler.count_outputs(np.int64(given))
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)
    resampler.reset()
    np.testing.assert_allclose(resampler.process(audio), whole, atol=1e-6)


def test_rates_without_a_short_period_are_left_to_soxr():
    assert all(FirResampler.is_suitable(rate, 48_000) for rate in RATES)
    assert not any(FirResampler.is_suitable(rate, 48_000) for rate in (48_000, 47_999, 44_056))
