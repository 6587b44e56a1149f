"""A denoised audio track for aiortc: pip install 'rtdenoise[aiortc]'.

>>> connection.addTrack(DenoiseTrack(microphone))
"""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..denoiser import Denoiser
from ..errors import InvalidValueError, RtdenoiseError
from .frame_stream import FrameStream
from .packages import missing_package

try:
    from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
    from av import AudioFrame
except ImportError as error:
    raise missing_package("aiortc", "aiortc", error) from error


class DenoiseTrack(MediaStreamTrack):
    """Denoises another audio track, frame by frame, for sending or after receiving.

    Frames keep their format, layout, rate, length and time stamp; their sound is
    `latency_seconds` late. The network runs in another thread. When the source ends, one more frame
    has the rest of the sound; then this track ends too. Other exceptions of the source pass on.
    """

    kind = "audio"

    def __init__(
        self,
        source: MediaStreamTrack,
        denoiser: Denoiser | None = None,
        *,
        low_latency: bool = True,
    ) -> None:
        """Use the settings of `denoiser`, or the defaults. Raises RtdenoiseError for video."""
        super().__init__()
        if source.kind != "audio":
            raise InvalidValueError(
                f"a track of {source.kind} cannot be denoised: use an audio track"
            )
        self._source, self._stream = source, FrameStream(denoiser, low_latency)
        self._last: AudioFrame | None = None

    @property
    def latency_seconds(self) -> float:
        """How late the sound is; 0 until the first frame. Delay the video by as much."""
        return self._stream.latency_seconds

    @property
    def bypass(self) -> bool:
        """Whether the sound is passed on, only later; switches without a click."""
        return self._stream.bypass

    @bypass.setter
    def bypass(self, value: bool) -> None:
        self._stream.bypass = value

    async def recv(self) -> AudioFrame:
        """Return the next denoised frame. Raises MediaStreamError when the track has ended."""
        if self.readyState != "live":
            raise MediaStreamError
        try:
            frame = await self._source.recv()
        except MediaStreamError:
            return await self._end()
        try:
            out = await asyncio.to_thread(self._denoise, frame)
        except RtdenoiseError:
            if self.readyState != "live":  # stopped in the meantime
                raise MediaStreamError from None
            raise
        self._last = frame
        return out

    def stop(self) -> None:
        """End this track; the source goes on."""
        super().stop()
        self._stream.close()

    def _denoise(self, frame: AudioFrame) -> AudioFrame:
        array, channels = frame.to_ndarray(), frame.layout.nb_channels
        samples = array.T if frame.format.is_planar else array.reshape(-1, channels)
        return _frame(frame, self._stream.write(samples, frame.sample_rate), frame.pts)

    async def _end(self) -> AudioFrame:
        """Return the rest of the sound once; then end."""
        last, self._last = self._last, None
        if last is not None:
            rest = await asyncio.to_thread(self._stream.flush)
            if len(rest):
                return _frame(last, rest, _end_time(last))
        self.stop()
        raise MediaStreamError


def _frame(like: AudioFrame, samples: NDArray[Any], pts: int | None) -> AudioFrame:
    """Return samples [frames, channels] as a frame of the same kind."""
    array = samples.T if like.format.is_planar else samples.reshape(1, -1)
    array = np.ascontiguousarray(array)
    frame = AudioFrame.from_ndarray(array, format=like.format.name, layout=like.layout.name)
    frame.sample_rate, frame.pts = like.sample_rate, pts
    if like.time_base is not None:
        frame.time_base = like.time_base
    return frame


def _end_time(frame: AudioFrame) -> int | None:
    """Return the time stamp that follows a frame."""
    if frame.pts is None or frame.time_base is None:
        return None
    base = frame.time_base
    return frame.pts + round(frame.samples * base.denominator / frame.sample_rate / base.numerator)
