"""A microphone other programs can choose, on PulseAudio or PipeWire (Linux).

    rtdenoise -> null sink -> its monitor, as a source with a name of its own

The sink and the source carry our process number: what a crash leaves behind is found and removed
by the next start.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from typing import Any

from ..errors import RtdenoiseError

MARK = "rtdenoise.pid"
OTHERWISE = (
    "--virtual-mic needs Linux: on macOS install BlackHole and use --output BlackHole, on Windows "
    "install VB-CABLE and use --output 'CABLE Input'"
)


class VirtualMicrophone:
    """Context manager: the microphone exists inside. `output` is the device to play to."""

    output = "pulse"  # the ALSA device through which PortAudio reaches the sound server

    def __init__(self, name: str) -> None:
        """Raises RtdenoiseError off Linux, for a bad name, or without pulsectl or a server."""
        if sys.platform != "linux":
            raise RtdenoiseError(OTHERWISE)
        if not re.fullmatch(r"[\w .-]{1,40}", name):
            raise RtdenoiseError(
                f"{name!r} is no name for a microphone: use letters, digits, space, . _ -"
            )
        self.name = name
        self._modules: list[int] = []
        self._sink = "rtdenoise_" + re.sub(r"\W", "_", name)
        self._done = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> VirtualMicrophone:
        with connect() as pulse:
            remove_left_behind(pulse)
            if any(source.name == f"{self._sink}_mic" for source in pulse.source_list()):
                raise RtdenoiseError(
                    f"a microphone {self.name!r} exists already: choose another name"
                )
            # Where ours is the system's default microphone, it must not become its own source.
            os.environ.setdefault("PULSE_SOURCE", pulse.server_info().default_source_name)
            self._create(pulse)
        os.environ["PULSE_SINK"] = self._sink  # where PortAudio's stream goes from the start
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._keeper.join(timeout=2)
        os.environ.pop("PULSE_SINK", None)
        try:
            with connect() as pulse:
                self._remove(pulse)
        except RtdenoiseError:
            pass  # the server is gone, and the microphone with it

    def _create(self, pulse: Any) -> None:
        """Load both modules, or none. Raises RtdenoiseError."""
        mark = f"{MARK}={os.getpid()}"
        try:
            self._load(
                pulse,
                "module-null-sink",
                f"sink_name={self._sink} rate=48000 channels=1 format=float32le norewinds=1 "
                f"sink_properties=\"device.description='{self.name} (input)' {mark}\"",
            )
            self._load(
                pulse,
                "module-remap-source",
                f"source_name={self._sink}_mic master={self._sink}.monitor channels=1 "
                f"source_properties=\"device.description='{self.name}' {mark}\"",
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
                f"the sound server does not load {module} ({error}): is the name taken?"
            ) from error

    def _remove(self, pulse: Any) -> None:
        import pulsectl

        for index in reversed(self._modules):
            try:
                pulse.module_unload(index)
            except pulsectl.PulseError:
                pass  # it went together with the other one
        self._modules.clear()

    def _keep(self) -> None:
        """Watch over it until the end, through restarts of the sound server."""
        import pulsectl

        while not self._done.wait(0.3):
            try:
                with connect() as pulse:
                    self._keep_in_place(pulse)
            except (pulsectl.PulseError, RtdenoiseError):
                continue

    def _keep_in_place(self, pulse: Any) -> None:
        """Make it anew where it is gone, and move our own playback to it if it is elsewhere."""
        if not any(sink.name == self._sink for sink in pulse.sink_list()):
            self._modules.clear()
            self._create(pulse)
        sink = pulse.get_sink_by_name(self._sink)
        while not self._done.wait(0.3):
            for stream in pulse.sink_input_list():
                ours = stream.proplist.get("application.process.id") == str(os.getpid())
                if ours and stream.sink != sink.index:
                    pulse.sink_input_move(stream.index, sink.index)


def connect() -> Any:
    """Return a connection to the sound server. Raises RtdenoiseError where there is none."""
    try:
        import pulsectl
    except ImportError as error:
        raise RtdenoiseError("--virtual-mic needs pulsectl: pip install pulsectl") from error
    try:
        return pulsectl.Pulse(f"rtdenoise-{time.monotonic_ns()}")
    except pulsectl.PulseError as error:
        raise RtdenoiseError(
            "no PulseAudio or PipeWire server answers: start one (systemctl --user start "
            "pipewire-pulse, or pulseaudio --start)"
        ) from error


def remove_left_behind(pulse: Any) -> int:
    """Unload microphones of rtdenoise processes that live no more; returns how many modules."""
    import pulsectl

    removed = 0
    for module in reversed(pulse.module_list()):  # the source before the sink it hangs on
        found = re.search(rf"{re.escape(MARK)}=(\d+)", module.argument or "")
        if found and not _alive(int(found[1])):
            removed += 1
            try:
                pulse.module_unload(module.index)
            except pulsectl.PulseError:
                pass  # it went together with the other one
    return removed


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
