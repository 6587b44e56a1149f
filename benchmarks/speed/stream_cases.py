"""The kinds of streams that are measured: the rates and types of calls, websockets and files."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rtdenoise import Denoiser, DenoiseStream

CHUNK_SECONDS = 0.02


class Case(NamedTuple):
    """A kind of stream."""

    name: str
    rate: int
    channels: int
    dtype: str  # of the samples
    as_bytes: bool = False
    low_latency: bool = False

    def open(self, denoiser: Denoiser) -> DenoiseStream:
        """Return a new stream of this kind."""
        return denoiser.stream(self.rate, self.channels, low_latency=self.low_latency)

    def chunk(self, seconds: float = CHUNK_SECONDS, seed: int = 0) -> Any:
        """Return noise of this kind."""
        frames = round(self.rate * seconds)
        noise = np.random.default_rng(seed).normal(0, 0.1, (frames, self.channels))
        audio = (noise * 32767).astype(np.int16) if self.dtype == "int16" else noise.astype("f")
        return audio.tobytes() if self.as_bytes else audio


CASES = (
    Case("48 kHz mono float32", 48_000, 1, "float32"),
    Case("48 kHz mono int16 bytes", 48_000, 1, "int16", as_bytes=True),
    Case("48 kHz stereo float32", 48_000, 2, "float32"),
    Case("44.1 kHz stereo float32", 44_100, 2, "float32"),
    Case("16 kHz mono int16 bytes", 16_000, 1, "int16", as_bytes=True),
    Case("8 kHz mono int16", 8_000, 1, "int16"),
    Case("44.1 kHz stereo float32, low latency", 44_100, 2, "float32", low_latency=True),
    Case("16 kHz mono int16 bytes, low latency", 16_000, 1, "int16", True, True),
    Case("8 kHz mono int16, low latency", 8_000, 1, "int16", low_latency=True),
)
