"""How late a stream is: exactly `latency`, less with whole blocks or `low_latency`."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr

from rtdenoise import RtdenoiseError
from tests.streams import chunks, noise


def test_latency(denoiser):
    stream = denoiser.stream(16_000)
    assert stream.latency_seconds == stream.latency / 16_000
    click = np.zeros(16_000, "f")
    click[5000] = 1
    stream.mix = 0
    stream.reset()
    out = np.concatenate([*map(stream.write, chunks(click, 400)), stream.flush()])
    assert np.argmax(out) == 5000 + stream.latency and out.max() == 1


def test_whole_blocks_need_less_latency(denoiser):
    audio = noise(48_000)
    stream = denoiser.stream(48_000, block=480)
    assert stream.latency == denoiser.stream(48_000).latency - 479
    heard = np.concatenate(list(stream.iterate(audio.reshape(-1, 960))))[stream.latency :]
    np.testing.assert_allclose(heard, denoiser(audio, 48_000), atol=1e-5)
    with pytest.raises(RtdenoiseError, match="multiples of block=480"):
        stream.write(audio[:500])


RATES = (8000, 12_000, 16_000, 22_050, 24_000, 44_100, 96_000)


@pytest.mark.parametrize("rate", RATES)
def test_low_latency_is_short_and_exact(denoiser, rate):
    stream = denoiser.stream(rate, low_latency=True)
    assert stream.latency_seconds < 0.03
    stream.mix = 0.5  # the dry path is exactly as late as the denoised one should be
    stream.reset()
    audio = noise(2 * rate)
    audio[:rate] = 0
    audio[rate // 2] = 1  # an impulse after silence
    out = [stream.write(chunk) for chunk in chunks(audio, rate // 30)]
    heard = np.concatenate([*out, stream.flush()])
    reference = denoiser(audio, rate)  # without delay
    wet = 2 * heard[stream.latency :] - audio
    assert abs(best_shift(wet[: rate - 999], reference[: rate - 999])) == 0
    assert abs(best_shift(wet[rate:], reference[rate:])) == 0


def best_shift(one: np.ndarray, other: np.ndarray) -> int:
    """Return by how many frames `one` is later than `other`."""
    size = 2 * len(one)
    spectrum = np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size))
    shift = int(np.argmax(np.fft.irfft(spectrum, size)))
    return shift - size if shift > len(one) else shift


@pytest.mark.parametrize("rate, channels", [(8000, 2), (16_000, 1), (44_100, 2)])
def test_low_latency_gives_the_same_samples_for_any_chunks(denoiser, rate, channels):
    audio = noise(rate, channels)
    whole = denoiser.stream(rate, channels, low_latency=True)
    expected = np.concatenate([whole.write(audio), whole.flush()])
    for longest in (3, 50, 3000):
        stream = denoiser.stream(rate, channels, low_latency=True)
        # Single frames meet every moment at which the output could fall behind.
        out = [stream.write(audio[i : i + 1]) for i in range(700)]
        out += [stream.write(chunk) for chunk in chunks(audio[700:], longest * rate // 8000)]
        heard = np.concatenate([*out, stream.flush()])
        np.testing.assert_allclose(heard, expected, atol=1e-5)


def test_low_latency_hardly_differs_below_its_band_edge(denoiser):
    noisy, rate = sf.read(Path(__file__).parents[1] / "examples/noisy.wav", dtype="float32")
    noisy = soxr.resample(noisy, rate, 16_000)
    usual, short = (
        np.concatenate(list(denoiser.stream(16_000, **more).iterate([noisy])))
        for more in ({"aligned": True}, {"aligned": True, "low_latency": True})
    )
    spectra = np.abs(np.fft.rfft([usual, short - usual]))[:, : int(0.45 * len(usual))]
    level, difference = 10 * np.log10(np.sum(spectra**2, axis=1))
    assert level - difference > 25  # dB; the network itself sees another edge of the band


def test_low_latency_where_the_rate_allows_no_short_filter(denoiser):
    usual, asked = (denoiser.stream(47_999, low_latency=low).latency for low in (False, True))
    assert asked == usual
    assert denoiser.stream(48_000, low_latency=True).latency == denoiser.stream(48_000).latency
