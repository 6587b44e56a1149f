"""The processor in LiveKit's own AudioStream, fed by a local track without a server."""

import asyncio
import threading

import numpy as np
import pytest
from livekit import rtc

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.integrations.livekit import DenoiseProcessor
from tests.integrations.speech import example, largest_correlation, noisy_speech


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return Denoiser()


def frames(audio: np.ndarray, rate: int, seconds: float = 0.01) -> list[rtc.AudioFrame]:
    """Cut int16 [frames] or [frames, channels] into LiveKit's frames."""
    audio = audio.reshape(len(audio), -1)
    step = round(rate * seconds)
    parts = [audio[i : i + step] for i in range(0, len(audio) - step + 1, step)]
    return [rtc.AudioFrame(x.tobytes(), rate, x.shape[1], step) for x in parts]


def samples(heard: list[rtc.AudioFrame]) -> np.ndarray:
    return np.concatenate(
        [np.frombuffer(x.data, np.int16).reshape(-1, x.num_channels) for x in heard]
    )


def test_an_audio_stream_delivers_denoised_audio(denoiser):
    rate, noisy = 48_000, noisy_speech(48_000, 3.0)
    processor = DenoiseProcessor(denoiser)
    heard = asyncio.run(example("livekit_processor.py")["denoise"](noisy, rate, processor))
    expected = denoiser.stream(rate, block=480).write(noisy)
    assert largest_correlation(heard, expected) > 0.99 > largest_correlation(heard, noisy)
    with pytest.raises(RtdenoiseError, match="was closed"):  # AudioStream.aclose closes it
        processor._denoise(frames(noisy, rate)[0])


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("rate, channels", [(8000, 1), (16_000, 1), (24_000, 1), (48_000, 2)])
def test_latency_is_exact(denoiser, rate, channels, background):
    noisy = np.stack([noisy_speech(rate, 1.0)] * channels, axis=1)
    processor = DenoiseProcessor(denoiser, background=background)
    heard = samples([processor._process(frame) for frame in frames(noisy, rate)])
    latency = round(processor.latency_seconds * rate)
    assert processor.latency_seconds < 0.04 + 0.01 * background
    processor._close()
    stream = denoiser.stream(rate, channels, aligned=True, low_latency=True)
    expected = np.concatenate(list(stream.iterate([noisy])))
    difference = heard[latency:].astype(int) - expected[: len(heard) - latency]
    assert np.abs(difference).max() <= 1
    # What precedes is what the stream gives before the recording begins, and no more.
    stream = denoiser.stream(rate, channels, low_latency=True)
    before = np.concatenate(list(stream.iterate([noisy])))[: stream.latency]
    size = min(latency, len(before))
    difference = heard[latency - size : latency].astype(int) - before[len(before) - size :]
    assert np.abs(difference).max() <= 1
    assert not heard[: latency - size].any()


def test_frames_keep_their_form_and_a_new_format_begins_anew(denoiser):
    processor = DenoiseProcessor(denoiser, background=False)
    for rate, channels, seconds in [(48_000, 1, 0.01), (48_000, 2, 0.05), (16_000, 1, 0.013)]:
        audio = np.zeros((rate // 5, channels), np.int16)
        for frame in frames(audio, rate, seconds):
            frame.userdata["id"] = 7
            out = processor._process(frame)
            assert (out.sample_rate, out.num_channels) == (rate, channels)
            assert out.samples_per_channel == frame.samples_per_channel
            assert out.userdata == {"id": 7}
    processor._close()


def test_enabled_another_voice_and_bypass(denoiser):
    noise = np.random.default_rng(0).normal(0, 1000, 48_000).astype(np.int16)
    processor = DenoiseProcessor(denoiser)
    assert processor.enabled and not processor.bypass and processor.latency_seconds == 0
    first = samples([processor._process(frame) for frame in frames(noise, 48_000)])
    processor.enabled = False  # LiveKit then leaves it out
    processor.enabled = True
    again = samples([processor._process(frame) for frame in frames(noise, 48_000)])
    np.testing.assert_array_equal(first, again)
    names = {"room_name": "r", "participant_identity": "p"}
    processor._on_stream_info_updated(**names, publication_sid="a")
    processor._on_stream_info_updated(**names, publication_sid="b")  # another voice
    again = samples([processor._process(frame) for frame in frames(noise, 48_000)])
    np.testing.assert_array_equal(first, again)
    processor.bypass = True
    passed = samples([processor._process(frame) for frame in frames(noise, 48_000)])
    latency = round(processor.latency_seconds * 48_000)
    np.testing.assert_array_equal(passed[latency + 4800 :, 0], noise[4800:-latency])
    processor._close()


def test_the_network_runs_in_another_thread(denoiser):
    processor, threads = DenoiseProcessor(denoiser), set()
    denoise = processor._denoise

    def noted(frame):
        threads.add(threading.get_ident())
        return denoise(frame)

    processor._denoise = noted
    for frame in frames(np.zeros(4800, np.int16), 48_000):
        processor._process(frame)
    processor._close()
    assert threads and threading.get_ident() not in threads


def test_a_failed_frame_does_not_stop_what_follows(denoiser):
    """LiveKit passes the original on when a processor raises."""
    processor = DenoiseProcessor(denoiser)
    processor._process(frames(np.zeros((480, 9), np.int16), 48_000)[0])  # 9 channels
    good = frames(np.zeros(960, np.int16), 48_000)
    with pytest.raises(RtdenoiseError, match="channels of 9 is not valid"):
        processor._process(good[0])
    assert processor._process(good[0]).num_channels == 1
    assert processor._process(good[1]).num_channels == 1
    processor._close()
