"""An audio filter for the transports of pipecat: pip install 'rtdenoise[pipecat]'.

>>> params = TransportParams(audio_in_enabled=True, audio_in_filter=DenoiseFilter())
"""

from __future__ import annotations

import asyncio
from typing import Any

from ..denoiser import Denoiser
from ..errors import InvalidValueError
from ..stream import DenoiseStream
from .frame_stream import default_denoiser
from .packages import missing_package

try:
    from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
    from pipecat.frames.frames import (
        FilterControlFrame,
        FilterEnableFrame,
        FilterUpdateSettingsFrame,
    )
except ImportError as error:
    raise missing_package("pipecat", "pipecat", error) from error

SETTINGS = ("mix", "attenuation_limit_db", "gain_db")


class DenoiseFilter(BaseAudioFilter):
    """Denoises the 16-bit audio of a transport, `latency_seconds` late.

    The network runs in another thread. `FilterEnableFrame` switches without a click and without a
    change of latency. `FilterUpdateSettingsFrame` takes mix, attenuation_limit_db and gain_db.
    Each transport needs a filter of its own; filters may share a `Denoiser`.
    """

    def __init__(
        self, denoiser: Denoiser | None = None, *, channels: int = 1, low_latency: bool = True
    ) -> None:
        """Use the settings of `denoiser`, or the defaults; `channels` as `audio_in_channels`."""
        self._denoiser, self._channels, self._low_latency = denoiser, channels, low_latency
        self._stream: DenoiseStream | None = None
        self._enabled = True
        self._settings: dict[str, Any] = {}

    @property
    def latency_seconds(self) -> float:
        """How late the output is; 0 until `start`."""
        return self._stream.latency_seconds if self._stream else 0.0

    async def start(self, sample_rate: int) -> None:
        """Begin a stream at this rate in Hz. Raises RtdenoiseError if it is not supported."""
        await self.stop()
        self._stream = await asyncio.to_thread(self._open, sample_rate)

    def _open(self, sample_rate: int) -> DenoiseStream:
        denoiser = self._denoiser or default_denoiser()
        stream = denoiser.stream(sample_rate, self._channels, low_latency=self._low_latency)
        for name, value in self._settings.items():
            setattr(stream, name, value)
        stream.bypass = not self._enabled
        stream.reset()  # takes the settings without a ramp
        return stream

    async def stop(self) -> None:
        """Free the stream; audio then passes unchanged until the next `start`."""
        stream, self._stream = self._stream, None
        if stream:
            await asyncio.to_thread(stream.close)  # waits for a chunk that is being denoised

    async def process_frame(self, frame: FilterControlFrame) -> None:
        """Apply a control frame. Raises RtdenoiseError for an unknown setting or value."""
        if isinstance(frame, FilterEnableFrame):
            self._enabled = bool(frame.enable)
            if self._stream:
                self._stream.bypass = not self._enabled
        elif isinstance(frame, FilterUpdateSettingsFrame):
            for name in frame.settings:
                if name not in SETTINGS:
                    raise InvalidValueError(
                        f"the filter has no setting {name!r}: use {', '.join(SETTINGS)}"
                    )
            for name, value in frame.settings.items():
                if self._stream:
                    setattr(self._stream, name, value)
                self._settings[name] = value

    async def filter(self, audio: bytes) -> bytes:
        """Return as many bytes as came in, denoised; unchanged before `start`."""
        stream = self._stream
        if stream is None:
            return audio
        return await stream.write_async(audio)
