"""The audio filter in pipecat's own pipeline and base transport, and by itself."""

import asyncio
import threading

import numpy as np
import pytest
from pipecat.frames.frames import (
    FilterEnableFrame,
    FilterUpdateSettingsFrame,
    InputAudioRawFrame,
)
from pipecat.tests.utils import SleepFrame, run_test
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_transport import TransportParams

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.integrations.pipecat import DenoiseFilter
from tests.integrations.speech import example, level_changes, noisy_speech


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return Denoiser()


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 48_000])
def test_a_pipeline_delivers_denoised_audio(rate):
    noisy = noisy_speech(rate)
    heard = asyncio.run(example("pipecat_filter.py")["denoise"](noisy.tobytes(), rate))
    clean = np.frombuffer(heard, np.int16)
    assert len(clean) == len(noisy)
    quiet, loud = level_changes(noisy, clean, rate)
    assert quiet < -10 and abs(loud) < 1.5


async def run(filter: DenoiseFilter, audio: np.ndarray, rate: int, step: int) -> np.ndarray:
    await filter.start(rate)
    parts = [await filter.filter(audio[i : i + step].tobytes()) for i in range(0, len(audio), step)]
    await filter.stop()
    return np.frombuffer(b"".join(parts), np.int16)


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 48_000])
def test_the_latency_is_exact_and_short(denoiser, rate):
    filter, noisy = DenoiseFilter(denoiser), noisy_speech(rate, 1.0)
    asyncio.run(filter.start(rate))
    latency = round(filter.latency_seconds * rate)
    assert 0 < filter.latency_seconds < 0.06
    heard = asyncio.run(run(filter, noisy, rate, 333))
    assert filter.latency_seconds == 0  # stopped
    stream = denoiser.stream(rate, aligned=True, low_latency=True)
    expected = np.concatenate(list(stream.iterate([noisy])))
    difference = heard[latency:].astype(int) - expected[: len(heard) - latency]
    assert np.abs(difference).max() <= 1


def test_control_frames_within_a_pipeline(denoiser):
    """Frames of the queue, one after the other: audio, off, audio, on, a setting that is wrong."""
    rate, filter = 16_000, DenoiseFilter(denoiser)
    noise = np.random.default_rng(0).normal(0, 1000, (60, 320)).astype(np.int16)

    class Transport(BaseInputTransport):
        async def start(self, frame):
            await super().start(frame)
            await self.set_transport_ready(frame)

    transport = Transport(
        TransportParams(audio_in_enabled=True, audio_in_sample_rate=rate, audio_in_filter=filter)
    )
    audio = [InputAudioRawFrame(chunk.tobytes(), rate, 1) for chunk in noise]
    frames = [*audio[:20], SleepFrame(1.0), FilterEnableFrame(False), SleepFrame(0.3)]
    frames += [*audio[20:40], SleepFrame(1.0), FilterEnableFrame(True), SleepFrame(0.3)]
    frames += [*audio[40:], SleepFrame(1.0)]
    down, _ = asyncio.run(run_test(transport, frames_to_send=frames, start_timeout=60.0))
    heard = [frame.audio for frame in down if isinstance(frame, InputAudioRawFrame)]
    assert len(heard) == 60
    levels = [np.abs(np.frombuffer(x, np.int16).astype(int)).mean() for x in heard]
    assert np.mean(levels[10:20]) < 300 < 600 < np.mean(levels[30:40])
    assert np.mean(levels[50:]) < 300


def test_settings_may_change_and_wrong_ones_are_told(denoiser):
    async def check() -> None:
        filter = DenoiseFilter(denoiser)
        await filter.process_frame(FilterUpdateSettingsFrame({"mix": 0.5}))  # before start
        await filter.start(16_000)
        assert filter._stream.mix == 0.5
        await filter.process_frame(FilterUpdateSettingsFrame({"attenuation_limit_db": 12}))
        assert filter._stream.attenuation_limit_db == 12
        with pytest.raises(RtdenoiseError, match="no setting 'level': use mix"):
            await filter.process_frame(FilterUpdateSettingsFrame({"gain_db": 3, "level": 1}))
        assert filter._stream.gain_db == 0
        with pytest.raises(RtdenoiseError, match="a mix of 2 is not valid"):
            await filter.process_frame(FilterUpdateSettingsFrame({"mix": 2}))
        await filter.start(8000)  # another rate: another stream, the same settings
        assert (filter._stream.sample_rate, filter._stream.mix) == (8000, 0.5)
        await filter.stop()
        await filter.stop()
        assert await filter.filter(b"1234") == b"1234"

    asyncio.run(check())


def test_the_loop_is_not_blocked(denoiser, monkeypatch):
    async def check() -> None:
        filter, threads = DenoiseFilter(denoiser), set()
        await filter.start(48_000)
        write = filter._stream.write

        def noted(chunk):
            threads.add(threading.get_ident())
            return write(chunk)

        monkeypatch.setattr(filter._stream, "write", noted)
        assert len(await filter.filter(bytes(1920))) == 1920
        assert threads and threading.get_ident() not in threads

    asyncio.run(check())
