"""The two ends of the live path: a microphone or a file, and a speaker or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ..constants import SAMPLE_RATE
from ..errors import RtdenoiseError
from .device_stream import DeviceStream
from .devices import Device, choose_device, import_sounddevice, list_devices, refuse_feedback
from .duplex_buffer import BLOCK, DuplexBuffer
from .file_playback import start_file_source, start_null_sink
from .options import NO_OUTPUT, LiveOptions


class Endpoint(Protocol):
    """A source or a sink that runs until it is closed."""

    def close(self) -> None:
        """Stop it."""


class Endpoints:
    """The source and the sink that the options select; they can be closed and opened again."""

    def __init__(self, options: LiveOptions, safety: int, on_file_end: Callable[[], None]) -> None:
        """`safety` is extra buffering in frames; `on_file_end` is called after an input file."""
        self.options, self._safety, self._on_file_end = options, safety, on_file_end
        self._microphone: DeviceStream | None = None
        self._speaker: DeviceStream | None = None
        self._opened: list[Endpoint] = []

    def latency(self) -> tuple[float, float]:
        """Return the latency of the input and of the output device, in ms.

        The values are estimates until the devices are open. They leave out the block of a
        callback: `DuplexBuffer.level` counts frames as if they came and went one by one.
        """
        block = 1000 * BLOCK / SAMPLE_RATE
        input_ms = 0.0 if self.options.from_file else block
        output_ms = 0.0 if self.options.output == NO_OUTPUT else 2 * block
        if self._microphone:
            input_ms = 1000 * self._microphone.latency
        if self._speaker:
            output_ms = 1000 * self._speaker.latency
        return input_ms, output_ms

    def open(self, buffer: DuplexBuffer) -> str:
        """Start both ends on `buffer` and return their names, as "input -> output".

        Raises RtdenoiseError, with both ends closed, if a device is missing or in use.
        """
        source, sink = self._choose_devices()
        buffer.allow_start_up(1.0)
        try:
            self._open_sink(sink, buffer)
            self._open_source(source, buffer)
        except RtdenoiseError:
            self.close()
            raise
        source_name = source.name if source else self.options.input
        return f"{source_name} -> {sink.name if sink else NO_OUTPUT}"

    def close(self) -> None:
        """Stop both ends."""
        for endpoint in self._opened:
            endpoint.close()
        self._opened.clear()

    def rescan_devices(self) -> None:
        """Restart PortAudio: it looks for devices only when it starts."""
        sd = import_sounddevice()
        sd._terminate()
        sd._initialize()

    def _choose_devices(self) -> tuple[Device | None, Device | None]:
        """Return the input and output device; None where no device is needed."""
        options = self.options
        source = sink = None
        no_output = options.output == NO_OUTPUT
        devices = [] if options.from_file and no_output else list_devices()
        if not options.from_file:
            source = choose_device(devices, options.input, "input")
        if not no_output:
            sink = choose_device(devices, options.output, "output")
        if source and sink and not options.allow_feedback:
            refuse_feedback(source, sink)
        return source, sink

    def _open_sink(self, device: Device | None, buffer: DuplexBuffer) -> None:
        if device:
            self._speaker = DeviceStream(device, "output", buffer, self._safety)
            self._opened.append(self._speaker)
        else:
            self._opened.append(start_null_sink(buffer))

    def _open_source(self, device: Device | None, buffer: DuplexBuffer) -> None:
        if device:
            self._microphone = DeviceStream(device, "input", buffer, self._safety)
            self._opened.append(self._microphone)
        else:
            path = Path(self.options.input or "")
            self._opened.append(start_file_source(path, buffer, self._on_file_end))
