"""Denoise a mono recording through a LiveKit audio track; needs no server and no account.

python examples/livekit_processor.py examples/noisy.wav clean.wav

The track goes from an `AudioSource` straight to an `AudioStream`, in real time. In an agent or a
room the stream comes from another participant's track instead.
"""

import asyncio
import sys

import numpy as np
import soundfile as sf
from livekit import rtc

from rtdenoise.integrations.livekit import DenoiseProcessor


async def denoise(audio: np.ndarray, rate: int, processor: rtc.FrameProcessor) -> np.ndarray:
    """Return the int16 samples that an AudioStream with this processor delivers."""
    source = rtc.AudioSource(rate, 1, queue_size_ms=1000 * (len(audio) // rate + 1))
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    stream = rtc.AudioStream(track, sample_rate=rate, noise_cancellation=processor)
    step, heard = rate // 100, []

    async def listen() -> None:
        async for event in stream:
            heard.append(np.frombuffer(event.frame.data, np.int16))

    listening = asyncio.create_task(listen())
    for start in range(0, len(audio) - step + 1, step):
        chunk = audio[start : start + step]
        await source.capture_frame(rtc.AudioFrame(chunk.tobytes(), rate, 1, step))
    await source.wait_for_playout()
    await source.aclose()
    await stream.aclose()
    await listening
    return np.concatenate(heard)


if __name__ == "__main__":
    samples, sample_rate = sf.read(sys.argv[1], dtype="int16")
    clean = asyncio.run(denoise(samples, sample_rate, DenoiseProcessor()))
    sf.write(sys.argv[2], clean, sample_rate)
