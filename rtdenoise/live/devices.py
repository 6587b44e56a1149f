"""Audio devices: listing them, and choosing one by number or part of a name."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from ..errors import RtdenoiseError

BUILT_IN = (
    *("built-in", "builtin", "internal", "macbook", "realtek", "hda intel", "laptop"),
    *("analog-output-speaker", "[out] speaker", "[in] mic"),  # ports of Linux' sound servers
)
SERVER = ("default", "pulse", "pipewire")  # devices behind which a sound server chooses


@dataclasses.dataclass(frozen=True)
class Device:
    """One device of PortAudio."""

    index: int
    name: str
    host_api: str
    inputs: int  # channels
    outputs: int
    sample_rate: int  # Hz, the default; many devices take others
    default: str = ""  # "input", "output", or both

    def __str__(self) -> str:
        kinds = f"{self.inputs} in, {self.outputs} out"
        mark = f"  (default {self.default})" if self.default else ""
        return (
            f"{self.index:3}  {self.name}  [{self.host_api}]  {kinds}, {self.sample_rate} Hz{mark}"
        )


def import_sounddevice() -> Any:
    """Import sounddevice. Raises RtdenoiseError where PortAudio is missing."""
    try:
        import sounddevice
    except OSError as error:
        raise RtdenoiseError(
            "the PortAudio library is missing: install it (Debian and Ubuntu: "
            "apt-get install libportaudio2; macOS: brew install portaudio)"
        ) from error
    return sounddevice


def list_devices() -> list[Device]:
    """Return all devices in PortAudio's order."""
    sd = import_sounddevice()
    default = tuple(sd.default.device)
    apis = sd.query_hostapis()
    devices = []
    for index, info in enumerate(sd.query_devices()):
        marks = [kind for kind, i in zip(("input", "output"), default, strict=True) if i == index]
        devices.append(
            Device(
                index,
                info["name"],
                apis[info["hostapi"]]["name"],
                info["max_input_channels"],
                info["max_output_channels"],
                int(info["default_samplerate"]),
                " and ".join(marks),
            )
        )
    return devices


def choose_device(devices: list[Device], wanted: str | None, kind: str) -> Device:
    """Return the device for `wanted` (a number, a name or part of one; None: the default).

    `kind` is "input" or "output". Raises RtdenoiseError, with the list, where none or several fit.
    """
    usable = [d for d in devices if (d.inputs if kind == "input" else d.outputs)]
    if not usable:
        raise RtdenoiseError(f"there is no {kind} device: connect one, or start a sound server")
    if wanted is None:
        return next((d for d in usable if kind in d.default), usable[0])
    fits = [d for d in usable if wanted == str(d.index)]
    fits = fits or [d for d in usable if wanted.lower() == d.name.lower()]
    fits = fits or [d for d in usable if wanted.lower() in d.name.lower()]
    if len(fits) > 1:
        fits = _of_one_system(fits, usable, kind)
    if len(fits) == 1:
        return fits[0]
    names = ", ".join(f"{d.index} {d.name!r}" for d in fits or usable)
    problem = "several devices fit" if fits else f"no {kind} device fits"
    raise RtdenoiseError(f"{problem} {wanted!r}: choose by number among {names}")


def _of_one_system(fits: list[Device], usable: list[Device], kind: str) -> list[Device]:
    """Of one device that several host APIs list (Windows), keep the best one's entry.

    That is WASAPI, which has the shortest way, or else the default device's host API.
    """
    default = next((d.host_api for d in usable if kind in d.default), "")
    for api in ("Windows WASAPI", default):
        if kept := [d for d in fits if d.host_api == api]:
            return kept
    return fits


def names_a_device(devices: list[Device], wanted: str, kind: str) -> bool:
    """Return whether `wanted` chooses a device that is there now."""
    try:
        choose_device(devices, wanted, kind)
    except RtdenoiseError:
        return wanted == "none" and kind == "output"
    return True


def lasting_name(devices: list[Device], wanted: str, kind: str) -> str:
    """Return what chooses the device of `wanted` tomorrow too: numbers change with what is plugged.

    Where its whole name would choose another, or none, `wanted` itself.
    """
    if not wanted.isdecimal():
        return wanted
    device = choose_device(devices, wanted, kind)
    try:
        return device.name if choose_device(devices, device.name, kind) == device else wanted
    except RtdenoiseError:
        return wanted  # several devices have that name


def refuse_feedback(source: Device, target: Device) -> None:
    """Raise RtdenoiseError for a built-in microphone played on the loudspeaker beside it.

    Known by the name: the same device, or two on one host API, both named as built in; of Linux'
    default devices by what the sound server uses. Virtual devices, headsets and cables pass.
    """
    names = (source.name, target.name)
    if all(name in SERVER for name in names):
        names = _behind_the_server() or names
    built_in = all(any(word in name.lower() for word in BUILT_IN) for name in names)
    if built_in and source.host_api == target.host_api:
        raise RtdenoiseError(
            f"{names[0]!r} would hear {names[1]!r} and howl: use headphones, choose another "
            "output, or pass --allow-feedback"
        )


def _behind_the_server() -> tuple[str, str] | None:
    """Return the ports in use of PulseAudio's or PipeWire's default microphone and speaker."""
    from .virtual_microphone import connect

    if os.environ.get("PULSE_SINK"):  # our own virtual microphone, which nobody hears
        return None
    try:
        with connect() as pulse:
            info = pulse.server_info()
            source = pulse.get_source_by_name(info.default_source_name)
            sink = pulse.get_sink_by_name(info.default_sink_name)
    except Exception:  # no pulsectl, no server, no default: nothing is known
        return None
    ports = [device.port_active and device.port_active.name for device in (source, sink)]
    return (ports[0], ports[1]) if all(ports) else None
