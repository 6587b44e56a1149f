"""One direction of a sound device, and what its time stamps tell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError
from .bridge import BLOCK, Bridge
from .devices import Device, import_sounddevice
from .thread_priority import raise_priority

Audio = NDArray[np.float32]


class DeviceStream:
    """One direction of a device, opened at 48 kHz, in mono where the device takes it."""

    def __init__(self, device: Device, kind: str, bridge: Bridge, safety: int = 0) -> None:
        """`kind` is "input" or "output"; the device holds `safety` frames more, if it can.

        Raises RtdenoiseError where the device does not open.
        """
        sd = import_sounddevice()
        most = device.inputs if kind == "input" else device.outputs
        common: dict[str, Any] = {
            "samplerate": SAMPLE_RATE,
            "blocksize": BLOCK,
            "device": device.index,
            "dtype": "float32",
            "latency": safety / SAMPLE_RATE or "low",
        }
        make = sd.InputStream if kind == "input" else sd.OutputStream
        move = bridge.capture if kind == "input" else bridge.play

        self._held: float | None = None
        self._filled = self._lasts = math.inf  # when the speaker was last given audio, for how long

        def callback(data: Audio, frames: int, times: Any, status: Any) -> None:
            raise_priority()
            move(data)
            seconds = frames / SAMPLE_RATE
            if kind == "input":
                self._note(times.currentTime - times.inputBufferAdcTime - seconds)
                return
            ahead = times.outputBufferDacTime - times.currentTime
            self._note(ahead)
            self._watch(bridge, ahead + seconds if ahead > 0 else math.inf)

        problem = "no channels"
        for channels in dict.fromkeys((1, min(2, most), most)):
            try:
                self._stream = make(channels=channels, callback=callback, **common)
            except sd.PortAudioError as error:
                problem = str(error).splitlines()[0]
                continue
            try:
                self._stream.start()
                return
            except sd.PortAudioError as error:
                problem = str(error).splitlines()[0]
                self._stream.close(ignore_errors=True)
        raise RtdenoiseError(
            f"{device.name!r} does not open for {kind} at 48000 Hz ({problem}): close what uses "
            "it, set it to 48000 Hz in the system's sound settings, or choose another"
        )

    def _note(self, seconds: float) -> None:
        """Smooth what time stamps say over a second; some systems leave them at zero."""
        if abs(seconds) < 2:
            held = seconds if self._held is None else self._held
            self._held = held + 0.01 * (seconds - held)

    def _watch(self, bridge: Bridge, lasts: float) -> None:
        """Notice a callback too late for the speaker, which `lasts` seconds from now.

        A sound server does not tell PortAudio that it played silence for want of audio; its time
        stamps do.
        """
        gap = bridge.last_play - self._filled
        if gap > self._lasts:
            bridge.ran_dry(gap)
        self._filled, self._lasts = bridge.last_play, lasts

    @property
    def latency(self) -> float:
        """Seconds that the device holds audio beyond the block of a callback.

        By the callbacks' time stamps; PortAudio's constant was 35 ms short of the truth where a
        device holds 120 ms.
        """
        if not self._held:
            return float(self._stream.latency)
        return max(0.0, self._held)

    def close(self) -> None:
        """Close at once; a suspended device would hang a polite stop."""
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)
