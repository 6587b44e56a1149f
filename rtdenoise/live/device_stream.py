"""One direction of an audio device, and what its time stamps reveal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError
from .devices import Device, import_sounddevice
from .duplex_buffer import BLOCK, DuplexBuffer
from .thread_priority import raise_priority

Audio = NDArray[np.float32]


class DeviceStream:
    """One direction of a device, running at 48 kHz, in mono if the device supports it."""

    def __init__(self, device: Device, kind: str, buffer: DuplexBuffer, safety: int = 0) -> None:
        """Open the device and start it.

        `kind` is "input" or "output". The device is asked to buffer `safety` frames more. Raises
        RtdenoiseError if the device cannot be opened.
        """
        self._buffer = buffer
        self._device_latency: float | None = None  # s, from the time stamps, smoothed
        self._filled_at = self._filled_for = math.inf  # s; the speaker's last block of audio
        most = device.inputs if kind == "input" else device.outputs
        problem = "no channels"
        for channels in dict.fromkeys((1, min(2, most), most)):
            try:
                self._stream = self._start(device, kind, channels, safety)
                return
            except import_sounddevice().PortAudioError as error:
                problem = str(error).splitlines()[0]
        raise RtdenoiseError(
            f"cannot open {device.name!r} for {kind} at 48000 Hz ({problem}): close other programs "
            "that use it, set it to 48000 Hz in the system's sound settings, or choose another"
        )

    def _start(self, device: Device, kind: str, channels: int, safety: int) -> Any:
        """Return a running stream. Raises PortAudioError, with the stream closed."""
        sd = import_sounddevice()
        make, callback = {
            "input": (sd.InputStream, self._capture),
            "output": (sd.OutputStream, self._play),
        }[kind]
        stream = make(
            samplerate=SAMPLE_RATE,
            blocksize=BLOCK,
            device=device.index,
            channels=channels,
            dtype="float32",
            latency=safety / SAMPLE_RATE or "low",
            callback=callback,
        )
        try:
            stream.start()
        except sd.PortAudioError:
            stream.close(ignore_errors=True)
            raise
        return stream

    def _capture(self, data: Audio, frames: int, times: Any, status: Any) -> None:
        """Callback of an input stream."""
        raise_priority()
        self._buffer.capture(data)
        block = frames / SAMPLE_RATE
        self._update_latency(times.currentTime - times.inputBufferAdcTime - block)

    def _play(self, data: Audio, frames: int, times: Any, status: Any) -> None:
        """Callback of an output stream."""
        raise_priority()
        self._buffer.play(data)
        ahead = times.outputBufferDacTime - times.currentTime
        self._update_latency(ahead)
        self._detect_underrun(ahead + frames / SAMPLE_RATE if ahead > 0 else math.inf)

    def _update_latency(self, seconds: float) -> None:
        """Smooth the time stamps' latency over about a second; some systems report only zeros."""
        if abs(seconds) < 2:
            old = seconds if self._device_latency is None else self._device_latency
            self._device_latency = old + 0.01 * (seconds - old)

    def _detect_underrun(self, filled_for: float) -> None:
        """Detect a callback that came too late; the device now holds `filled_for` seconds.

        A sound server does not tell PortAudio that it ran out of audio and played silence, but
        the time stamps show it.
        """
        gap = self._buffer.last_play - self._filled_at
        if gap > self._filled_for:
            self._buffer.count_device_underrun(gap)
        self._filled_at, self._filled_for = self._buffer.last_play, filled_for

    @property
    def latency(self) -> float:
        """Seconds of audio that the device holds, besides the block of a callback.

        Taken from the callbacks' time stamps: PortAudio's constant was 35 ms too small for a
        device that holds 120 ms.
        """
        if not self._device_latency:
            return float(self._stream.latency)
        return max(0.0, self._device_latency)

    def close(self) -> None:
        """Close at once; a normal stop would hang on a suspended device."""
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)
