"""A virtual microphone that other programs can select, on PulseAudio or PipeWire (Linux).

rtdenoise -> null sink -> its monitor -> a source with a name of its own
"""

from __future__ import annotations

import os
import re
import sys
import threading
from typing import Any

from ..errors import RtdenoiseError
from .pulse_server import PROCESS_PROPERTY, connect_to_pulse, remove_stale_modules, unload_modules

CHECK_SECONDS = 0.3  # between two looks at the sound server
NOT_LINUX = (
    "--virtual-mic needs Linux: on macOS install BlackHole and use --output BlackHole, on Windows "
    "install VB-CABLE and use --output 'CABLE Input'"
)


class VirtualMicrophone:
    """Context manager: the microphone exists inside. `output` is the device to play to."""

    output = "pulse"  # the ALSA device through which PortAudio reaches the sound server

    def __init__(self, name: str) -> None:
        """Check the name. Raises RtdenoiseError for an invalid one, and on other systems."""
        if sys.platform != "linux":
            raise RtdenoiseError(NOT_LINUX)
        if not re.fullmatch(r"[\w .-]{1,40}", name):
            raise RtdenoiseError(
                f"{name!r} is not a valid name for a microphone: use 1 to 40 letters, digits, "
                "spaces and . _ -"
            )
        self.name = name
        self._modules: list[int] = []
        self._sink = "rtdenoise_" + re.sub(r"\W", "_", name)
        self._closing = threading.Event()
        self._monitor = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> VirtualMicrophone:
        """Create it. Raises RtdenoiseError if the name is taken or no sound server answers."""
        with connect_to_pulse() as pulse:
            remove_stale_modules(pulse)
            if any(source.name == f"{self._sink}_mic" for source in pulse.source_list()):
                raise RtdenoiseError(
                    f"a microphone {self.name!r} exists already: choose another name"
                )
            # If ours becomes the system's default microphone, it must not become its own source.
            os.environ.setdefault("PULSE_SOURCE", pulse.server_info().default_source_name)
            self._create(pulse)
        os.environ["PULSE_SINK"] = self._sink  # PortAudio's stream goes there from the start
        self._monitor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._monitor.join(timeout=2)
        os.environ.pop("PULSE_SINK", None)
        try:
            with connect_to_pulse() as pulse:
                self._remove(pulse)
        except RtdenoiseError:
            pass  # the server is gone, and the microphone with it

    def _create(self, pulse: Any) -> None:
        """Load both modules, or none. Raises RtdenoiseError."""
        process = f"{PROCESS_PROPERTY}={os.getpid()}"
        try:
            self._load(
                pulse,
                "module-null-sink",
                f"sink_name={self._sink} rate=48000 channels=1 format=float32le norewinds=1 "
                f"sink_properties=\"device.description='{self.name} (input)' {process}\"",
            )
            self._load(
                pulse,
                "module-remap-source",
                f"source_name={self._sink}_mic master={self._sink}.monitor channels=1 "
                f"source_properties=\"device.description='{self.name}' {process}\"",
            )
        except RtdenoiseError:
            self._remove(pulse)
            raise

    def _load(self, pulse: Any, module: str, arguments: str) -> None:
        import pulsectl

        try:
            self._modules.append(pulse.module_load(module, arguments))
        except pulsectl.PulseError as error:
            raise RtdenoiseError(
                f"the sound server cannot load {module} ({error}): choose another name"
            ) from error

    def _remove(self, pulse: Any) -> None:
        unload_modules(pulse, self._modules[::-1])
        self._modules.clear()

    def _watch(self) -> None:
        """Maintain the microphone until the end, even when the sound server restarts."""
        import pulsectl

        while not self._closing.wait(CHECK_SECONDS):
            try:
                with connect_to_pulse() as pulse:
                    self._maintain(pulse)
            except (pulsectl.PulseError, RtdenoiseError):
                continue

    def _maintain(self, pulse: Any) -> None:
        """Create the microphone again if it is gone; move our playback to it if it is elsewhere."""
        if not any(sink.name == self._sink for sink in pulse.sink_list()):
            self._modules.clear()
            self._create(pulse)
        sink = pulse.get_sink_by_name(self._sink)
        while not self._closing.wait(CHECK_SECONDS):
            for stream in pulse.sink_input_list():
                ours = stream.proplist.get("application.process.id") == str(os.getpid())
                if ours and stream.sink != sink.index:
                    pulse.sink_input_move(stream.index, sink.index)
