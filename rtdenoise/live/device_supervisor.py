"""Opens the devices, watches them, and opens them again when one has disappeared.

A lost device raises nothing: its callbacks just stop. So the time of the last callback is watched.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from ..errors import RtdenoiseError
from .counters import Counters
from .devices import import_sounddevice
from .endpoints import Endpoints
from .worker import Worker

FIRST_RETRY, RETRY_GROWTH, MAX_RETRY = 0.2, 1.5, 0.5  # s between attempts to open devices again
AUDIO_TIMEOUT = 1.0  # s to wait for audio from devices that have been opened again


class DeviceSupervisor:
    """Keeps audio flowing between the endpoints and the worker's buffers."""

    def __init__(
        self,
        endpoints: Endpoints,
        worker: Worker,
        counters: Counters,
        wait: Callable[[float], bool],
        on_message: Callable[[str], None],
    ) -> None:
        """`wait` waits for so many seconds and returns False if the session is over."""
        self.input_ended = False  # set at the end of an input file: that is no lost device
        self._endpoints, self._worker, self._counters = endpoints, worker, counters
        self._wait, self._on_message = wait, on_message

    def open(self) -> None:
        """Open the devices. Raises RtdenoiseError if that fails."""
        self._on_message(self._endpoints.open(self._worker.control.buffer))

    def close(self) -> None:
        """Close the devices."""
        self._endpoints.close()

    def watch(self) -> None:
        """Watch the devices until the session is over.

        The interval is random: with devices that move audio in bursts, a fixed one would always
        measure the level at the same phase.
        """
        generator, was_stalled = random.Random(0), False
        while self._wait(generator.uniform(0.05, 0.15)):
            # Twice in a row: after a standstill of the whole machine, devices resume by themselves.
            stalled = self._worker.control.buffer.stalled()
            if stalled and was_stalled and not self.input_ended:
                self._reconnect()
                stalled = False
            was_stalled = stalled

    def _reconnect(self) -> None:
        """Try to open the devices again until that works or the session is over."""
        self._endpoints.close()
        self._on_message("an audio device disappeared: waiting for it to come back")
        pause = FIRST_RETRY
        while self._wait(pause):
            pause = min(MAX_RETRY, pause * RETRY_GROWTH)
            try:
                self._endpoints.rescan_devices()
                self._worker.renew_buffers()
                names = self._endpoints.open(self._worker.control.buffer)
            except (RtdenoiseError, import_sounddevice().PortAudioError):
                continue
            if self._audio_flows():
                self._on_message(names)
                self._counters.reconnects += 1
                return
            self._endpoints.close()

    def _audio_flows(self) -> bool:
        """Wait for callbacks: a suspended device can be opened, but moves no audio."""
        buffer, deadline = self._worker.control.buffer, time.monotonic() + AUDIO_TIMEOUT
        while not buffer.running and time.monotonic() < deadline and self._wait(0.05):
            pass
        return buffer.running
