"""Both ends of live audio: microphone or file, speaker or nowhere; opened, closed, opened again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError
from .bridge import BLOCK, Bridge
from .device_stream import DeviceStream
from .devices import Device, choose_device, import_sounddevice, list_devices, refuse_feedback
from .file_playback import play_file, play_nowhere
from .options import NOWHERE, LiveOptions


class Endpoint(Protocol):
    """A source or a sink that runs until closed."""

    def close(self) -> None:
        """Stop it."""


class Ends:
    """The source and the sink that the options name; `at_end` is called when a file is over."""

    def __init__(self, options: LiveOptions, safety: int, at_end: Callable[[], None]) -> None:
        self.options, self._safety, self._at_end = options, safety, at_end
        self._microphone: DeviceStream | None = None
        self._speaker: DeviceStream | None = None
        self._opened: list[Endpoint] = []

    def latency(self) -> tuple[float, float]:
        """Return milliseconds of the input and the output device, guessed until they are open.

        The bridge's level counts frames as if they came and went one by one, so no block is
        counted here.
        """
        block = 1000 * BLOCK / SAMPLE_RATE
        heard = 0.0 if self.options.from_file else block
        spoken = 0.0 if self.options.output == NOWHERE else 2 * block
        if self._microphone:
            heard = 1000 * self._microphone.latency
        if self._speaker:
            spoken = 1000 * self._speaker.latency
        return heard, spoken

    def open(self, bridge: Bridge) -> str:
        """Let audio flow over `bridge`; returns what flows where.

        Raises RtdenoiseError, with nothing left open, where a device is not there or not free.
        """
        source, target = self._choose()
        bridge.expect(1.0)  # opening may take a moment
        try:
            self._open_sink(target, bridge)
            self._open_source(source, bridge)
        except RtdenoiseError:
            self.close()
            raise
        names = (
            source.name if source else self.options.input,
            target.name if target else NOWHERE,
        )
        return f"{names[0]} -> {names[1]}"

    def close(self) -> None:
        """Stop both."""
        for endpoint in self._opened:
            endpoint.close()
        self._opened.clear()

    def search_anew(self) -> None:
        """Have PortAudio look for devices again: it lists them only when it starts."""
        sd = import_sounddevice()
        sd._terminate()
        sd._initialize()

    def _choose(self) -> tuple[Device | None, Device | None]:
        options = self.options
        source = target = None
        nowhere = options.output == NOWHERE
        devices = [] if options.from_file and nowhere else list_devices()
        if not options.from_file:
            source = choose_device(devices, options.input, "input")
        if not nowhere:
            target = choose_device(devices, options.output, "output")
        if source and target and not options.allow_feedback:
            refuse_feedback(source, target)
        return source, target

    def _open_sink(self, target: Device | None, bridge: Bridge) -> None:
        if target:
            self._speaker = DeviceStream(target, "output", bridge, self._safety)
            self._opened.append(self._speaker)
        else:
            self._opened.append(play_nowhere(bridge))

    def _open_source(self, source: Device | None, bridge: Bridge) -> None:
        if source:
            self._microphone = DeviceStream(source, "input", bridge, self._safety)
            self._opened.append(self._microphone)
        else:
            self._opened.append(play_file(Path(self.options.input or ""), bridge, self._at_end))
