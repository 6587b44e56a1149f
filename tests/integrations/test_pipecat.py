"""The audio filter in pipecat's own pipeline and base transport, and by itself."""

import asyncio
import threading

import numpy as np
import pytest
from pipecat.frames.frames import (
    EndFrame,
    FilterEnableFrame,
    FilterUpdateSettingsFrame,
    InputAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

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
    """Audio, off, audio, on, audio: each part waits for what went before."""
    names, rate, filter = example("pipecat_filter.py"), 16_000, DenoiseFilter(denoiser)
    noise = np.random.default_rng(0).normal(0, 1000, (60, 320)).astype(np.int16)
    params = TransportParams(
        audio_in_enabled=True, audio_in_sample_rate=rate, audio_in_filter=filter
    )
    recorder = names["Recorder"](noise.nbytes)
    worker = PipelineWorker(Pipeline([names["FileInput"](b"", params), recorder]))

    async def wait_for(condition) -> None:
        while not condition():
            await asyncio.sleep(0.01)

    async def drive() -> None:
        for part, enable in enumerate((True, False, True)):
            await worker.queue_frame(FilterEnableFrame(enable))
            await wait_for(lambda enable=enable: filter._stream and filter._enabled == enable)
            for chunk in noise[20 * part : 20 * part + 20]:
                await worker.queue_frame(InputAudioRawFrame(chunk.tobytes(), rate, 1))
            await wait_for(lambda part=part: len(recorder.heard) == 12_800 * (part + 1))
        await worker.queue_frame(EndFrame())

    async def run_all() -> None:
        runner = WorkerRunner()
        await runner.add_workers(worker)
        await asyncio.gather(runner.run(), drive())

    asyncio.run(run_all())
    heard = np.frombuffer(bytes(recorder.heard), np.int16).reshape(60, 320)
    levels = np.abs(heard.astype(int)).mean(axis=1)
    assert levels[10:20].mean() < 300 < 600 < levels[30:40].mean()
    assert levels[50:].mean() < 300


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
