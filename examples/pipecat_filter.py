"""Denoise a mono recording within a pipecat pipeline, as a transport does with a microphone.

python examples/pipecat_filter.py examples/noisy.wav clean.wav
"""

import asyncio
import sys

import soundfile as sf
from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from rtdenoise.integrations.pipecat import DenoiseFilter


class FileInput(BaseInputTransport):
    """A transport that delivers a recording in chunks of 20 ms."""

    def __init__(self, audio: bytes, params: TransportParams) -> None:
        super().__init__(params)
        self._audio = audio

    async def start(self, frame: StartFrame) -> None:
        """Deliver all audio at once; the queue of the transport holds it."""
        await super().start(frame)
        await self.set_transport_ready(frame)
        size = self.sample_rate // 50 * 2
        for i in range(0, len(self._audio), size):
            chunk = self._audio[i : i + size]
            await self.push_audio_frame(InputAudioRawFrame(chunk, self.sample_rate, 1))


class Recorder(FrameProcessor):
    """Where a voice agent would listen: keeps what comes."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.heard, self.complete, self._expected = bytearray(), asyncio.Event(), expected

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Keep audio and pass everything on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self.heard += frame.audio
            if len(self.heard) >= self._expected:
                self.complete.set()
        await self.push_frame(frame, direction)


async def denoise(audio: bytes, rate: int) -> bytes:
    """Return 16-bit mono audio as it leaves the transport."""
    params = TransportParams(audio_in_enabled=True, audio_in_filter=DenoiseFilter())
    recorder = Recorder(len(audio))
    pipeline = Pipeline([FileInput(audio, params), recorder])
    worker = PipelineWorker(pipeline, params=PipelineParams(audio_in_sample_rate=rate))

    async def end() -> None:
        await recorder.complete.wait()
        await worker.queue_frame(EndFrame())

    runner = WorkerRunner()
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), end())
    return bytes(recorder.heard)


if __name__ == "__main__":
    samples, sample_rate = sf.read(sys.argv[1], dtype="int16")
    clean = asyncio.run(denoise(samples.tobytes(), sample_rate))
    with sf.SoundFile(sys.argv[2], "w", sample_rate, 1, "PCM_16") as file:
        file.buffer_write(clean, "int16")
