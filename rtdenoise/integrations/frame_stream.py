"""A stream for frames that carry their own format; a new one begins when the format changes."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..denoiser import Denoiser
from ..errors import RtdenoiseError
from ..stream import DenoiseStream


@lru_cache(maxsize=1)
def default_denoiser() -> Denoiser:
    """Return the denoiser of adapters that were given none; they share its model."""
    return Denoiser()


class FrameStream:
    """Denoises the frames of one voice, each with its rate and shape.

    At 48 kHz, frames of whole hops of 10 ms are only 10 ms late; other frames 20 ms.
    """

    def __init__(self, denoiser: Denoiser | None, low_latency: bool) -> None:
        self._denoiser, self._low_latency = denoiser, low_latency
        self._lock = threading.Lock()
        self._stream: DenoiseStream | None = None
        self._block: int | None = None  # frames of which all writes have been multiples
        # Output that is left of a write that was no multiple: usually the last one.
        self._rest: NDArray[Any] | None = None
        self._bypass = self._closed = False

    @property
    def latency_seconds(self) -> float:
        """How late the output is; 0 until the first frame."""
        stream = self._stream
        return stream.latency_seconds if stream else 0.0

    @property
    def bypass(self) -> bool:
        """Whether frames are passed on, only later; switches without a click."""
        return self._bypass

    @bypass.setter
    def bypass(self, value: bool) -> None:
        if self._stream:
            self._stream.bypass = value
        self._bypass = value

    def write(self, samples: NDArray[Any], rate: int) -> NDArray[Any]:
        """Denoise [frames, channels] at `rate` Hz; return the same shape and type.

        Raises RtdenoiseError for unsupported formats, and after `close`.
        """
        with self._lock:
            stream = self._stream_for(samples, rate)
            if self._block and len(samples) % self._block:
                return self._finish(stream, samples, self._block)
            return stream.write(samples)

    def flush(self) -> NDArray[Any]:
        """Return the last frames [latency, channels] in the type of the last ones."""
        with self._lock:
            rest, self._rest = self._rest, None
            if rest is not None:
                return rest
            return self._stream.flush() if self._stream else np.zeros((0, 1), np.float32)

    def reset(self) -> None:
        """Forget all audio; the next frame begins anew."""
        with self._lock:
            self._rest = None
            if self._stream:
                self._stream.reset()

    def close(self) -> None:
        """Free the memory. May be called twice."""
        with self._lock:
            self._closed = True
            if self._stream:
                self._stream.close()

    def _stream_for(self, samples: NDArray[Any], rate: int) -> DenoiseStream:
        if self._closed:
            raise RtdenoiseError("this adapter was closed: make a new one for each track")
        frames, channels = samples.shape
        stream = self._stream
        same = stream and (stream.sample_rate, stream.channels) == (rate, channels)
        if stream and same and self._rest is None:
            return stream
        denoiser = self._denoiser or default_denoiser()
        hop = denoiser.card.hop
        whole = not same and rate == SAMPLE_RATE and frames and frames % hop == 0
        self._block, self._rest = (hop if whole else None), None
        stream = denoiser.stream(rate, channels, block=self._block, low_latency=self._low_latency)
        stream.bypass = self._bypass
        stream.reset()  # takes the bypass without a ramp
        self._stream = stream
        return stream

    def _finish(self, stream: DenoiseStream, samples: NDArray[Any], block: int) -> NDArray[Any]:
        """Write frames that are no multiple of `block`, as if silence followed; keep the rest."""
        padding = np.zeros((-len(samples) % block, samples.shape[1]), samples.dtype)
        if samples.dtype == np.uint8:
            padding += 128
        out = np.concatenate([stream.write(np.concatenate([samples, padding])), stream.flush()])
        self._rest = out[len(samples) : len(samples) + stream.latency]
        return out[: len(samples)]
