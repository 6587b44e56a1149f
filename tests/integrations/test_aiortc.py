"""The track over a real peer connection on loopback, and by itself."""

import asyncio
import threading
from fractions import Fraction

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.integrations.aiortc import DenoiseTrack
from tests.integrations.speech import example, largest_correlation, level_changes, noisy_speech


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return Denoiser()


class Source(MediaStreamTrack):
    """Delivers audio [frames, channels] in frames of 20 ms, in real time if asked."""

    kind = "audio"

    def __init__(self, audio, rate, form="s16", frame_seconds=0.02, paced=False, start=0):
        super().__init__()
        self.audio = audio[:, None] if audio.ndim == 1 else audio
        self.rate, self.form, self.paced = rate, form, paced
        self.step, self.position, self.start = round(rate * frame_seconds), 0, start
        self.began: float | None = None

    async def recv(self) -> AudioFrame:
        part = self.audio[self.position : self.position + self.step]
        if not len(part):
            self.stop()
            raise MediaStreamError
        if self.paced:
            loop = asyncio.get_running_loop()
            self.began = self.began or loop.time()
            await asyncio.sleep(self.began + self.position / self.rate - loop.time())
        array = part.T if self.form.endswith("p") else part.reshape(1, -1)
        layout = "stereo" if part.shape[1] == 2 else "mono"
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(array), self.form, layout)
        frame.sample_rate, frame.pts = self.rate, self.start + self.position
        frame.time_base = Fraction(1, self.rate)
        self.position += len(part)
        return frame


async def receive(track: MediaStreamTrack) -> list[AudioFrame]:
    frames = []
    with pytest.raises(MediaStreamError):
        while True:
            frames.append(await track.recv())
    return frames


def samples(frames: list[AudioFrame]) -> np.ndarray:
    """Return [frames, channels]."""
    channels = frames[0].layout.nb_channels
    arrays = [f.to_ndarray() for f in frames]
    planar = frames[0].format.is_planar
    return np.concatenate([a.T if planar else a.reshape(-1, channels) for a in arrays])


def test_over_a_peer_connection_the_noise_goes_and_the_speech_stays(denoiser):
    noisy = noisy_speech(48_000, 4.0)
    stereo = np.stack([noisy, noisy], axis=1)  # FFmpeg sends mono 3 dB quieter, as stereo

    async def call() -> tuple[np.ndarray, float]:
        track = DenoiseTrack(Source(stereo, 48_000, paced=True), denoiser)
        ended = asyncio.Event()
        track.on("ended", ended.set)
        peers, arriving = await example("aiortc_call.py")["connect"](track)
        heard = []

        async def listen() -> None:
            while True:
                heard.append(await arriving.recv())

        listening = asyncio.create_task(listen())
        await ended.wait()
        await asyncio.sleep(0.3)
        for peer in peers:
            await peer.close()
        with pytest.raises(MediaStreamError):
            await listening
        stamps = [frame.pts for frame in heard]
        assert stamps == sorted(set(stamps))
        return samples(heard)[:, 0], track.latency_seconds

    heard, latency = asyncio.run(call())
    assert latency == 0.01  # whole hops at 48 kHz
    assert len(heard) > 3.5 * 48_000
    quiet, loud = level_changes(noisy, heard, 48_000)
    assert quiet < -10 and abs(loud) < 3
    expected = denoiser.stream(48_000, block=480).write(noisy)
    assert largest_correlation(heard, expected) > 0.9  # Opus changes the waveform a little


@pytest.mark.parametrize(
    "rate, channels, form",
    [(48_000, 2, "s16"), (8000, 1, "s16"), (44_100, 2, "fltp"), (16_000, 1, "s32")],
)
def test_frames_keep_their_form_and_their_time(denoiser, rate, channels, form):
    dtype = {"s16": np.int16, "fltp": np.float32, "s32": np.int32}[form]
    noise = np.random.default_rng(0).normal(0, 0.1, (rate // 2 + 7, channels))
    audio = (noise * (1 if form == "fltp" else np.iinfo(dtype).max)).astype(dtype)
    track = DenoiseTrack(Source(audio, rate, form, start=900), denoiser)
    frames = asyncio.run(receive(track))
    assert track.readyState == "ended"
    assert {(f.format.name, f.sample_rate, f.layout.nb_channels) for f in frames} == {
        (form, rate, channels)
    }
    assert {Fraction(f.time_base.numerator, f.time_base.denominator) for f in frames} == {
        Fraction(1, rate)
    }
    expected = np.cumsum([900, *(f.samples for f in frames[:-1])]).tolist()
    assert [f.pts for f in frames] == expected
    latency = round(track.latency_seconds * rate)
    heard = samples(frames)
    assert len(heard) == len(audio) + latency  # the last frame has the rest
    stream = denoiser.stream(rate, channels, aligned=True, low_latency=True)
    clean = np.concatenate(list(stream.iterate([audio])))
    tolerance = {"s16": 1, "fltp": 1e-5, "s32": 2**16}[form]
    assert np.abs(heard[latency:].astype(float) - clean).max() <= tolerance


def test_another_format_in_the_midst_begins_anew(denoiser):
    class Changing(MediaStreamTrack):
        kind = "audio"
        sources = [Source(np.ones(4800, np.int16), 48_000), Source(np.ones(800, np.int16), 8000)]
        sources.append(Source(np.ones(5000, np.int16), 48_000, frame_seconds=0.013))

        async def recv(self):
            while self.sources:
                try:
                    return await self.sources[0].recv()
                except MediaStreamError:
                    del self.sources[0]
            raise MediaStreamError

    frames = asyncio.run(receive(DenoiseTrack(Changing(), denoiser)))
    assert [f.sample_rate for f in frames[:10]] == [48_000] * 5 + [8000] * 5


def test_ends_and_errors_of_the_source_pass_on(denoiser):
    class Broken(MediaStreamTrack):
        kind = "audio"

        async def recv(self):
            raise ConnectionError("cable")

    async def check() -> None:
        track = DenoiseTrack(Broken(), denoiser)
        with pytest.raises(ConnectionError, match="cable"):
            await track.recv()
        assert track.readyState == "live"
        empty, ended = DenoiseTrack(Source(np.zeros(0, np.int16), 48_000), denoiser), []
        empty.on("ended", lambda: ended.append(True))
        assert await receive(empty) == [] and ended == [True]
        source = Source(np.zeros(48_000, np.int16), 48_000)
        stopped = DenoiseTrack(source, denoiser)
        await stopped.recv()
        stopped.stop()
        with pytest.raises(MediaStreamError):
            await stopped.recv()
        assert source.readyState == "live"

    asyncio.run(check())


def test_video_is_refused():
    class Video(MediaStreamTrack):
        kind = "video"

        async def recv(self):
            raise MediaStreamError

    with pytest.raises(RtdenoiseError, match="use an audio track"):
        DenoiseTrack(Video())


def test_the_network_runs_in_another_thread(denoiser):
    track, threads = DenoiseTrack(Source(np.zeros(960, np.int16), 48_000), denoiser), set()
    denoise = track._denoise

    def noted(frame):
        threads.add(threading.get_ident())
        return denoise(frame)

    track._denoise = noted
    asyncio.run(receive(track))
    assert threads and threading.get_ident() not in threads
