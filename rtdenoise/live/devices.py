"""Audio devices: list them, and choose one by its number or part of its name."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from ..errors import RtdenoiseError

BUILT_IN = (
    *("built-in", "builtin", "internal", "macbook", "realtek", "hda intel", "laptop"),
    *("analog-output-speaker", "[out] speaker", "[in] mic"),  # port names of Linux sound servers
)
SOUND_SERVER_NAMES = ("default", "pulse", "pipewire")  # the sound server picks the device


@dataclasses.dataclass(frozen=True)
class Device:
    """An audio device as PortAudio lists it."""

    index: int
    name: str
    host_api: str
    inputs: int  # channels
    outputs: int
    sample_rate: int  # Hz, the default; many devices support others
    default: str = ""  # "input", "output", or both

    def __str__(self) -> str:
        kinds = f"{self.inputs} in, {self.outputs} out"
        mark = f"  (default {self.default})" if self.default else ""
        return (
            f"{self.index:3}  {self.name}  [{self.host_api}]  {kinds}, {self.sample_rate} Hz{mark}"
        )


def import_sounddevice() -> Any:
    """Import sounddevice. Raises RtdenoiseError if the PortAudio library is missing."""
    try:
        import sounddevice
    except OSError as error:
        raise RtdenoiseError(
            "the PortAudio library is missing: install it (Debian and Ubuntu: "
            "apt-get install libportaudio2; macOS: brew install portaudio)"
        ) from error
    return sounddevice


def list_devices() -> list[Device]:
    """Return all devices, in PortAudio's order."""
    sd = import_sounddevice()
    default = tuple(sd.default.device)
    apis = sd.query_hostapis()
    devices = []
    for index, info in enumerate(sd.query_devices()):
        kinds = zip(("input", "output"), default, strict=True)
        default_for = [kind for kind, number in kinds if number == index]
        devices.append(
            Device(
                index,
                info["name"],
                apis[info["hostapi"]]["name"],
                info["max_input_channels"],
                info["max_output_channels"],
                int(info["default_samplerate"]),
                " and ".join(default_for),
            )
        )
    return devices


def choose_device(devices: list[Device], wanted: str | None, kind: str) -> Device:
    """Return the device for `wanted`: a number, a name or part of a name, or None for the default.

    `kind` is "input" or "output". Raises RtdenoiseError, with a list of the devices, if no device
    or more than one matches.
    """
    usable = [d for d in devices if (d.inputs if kind == "input" else d.outputs)]
    if not usable:
        raise RtdenoiseError(f"there is no {kind} device: connect one, or start a sound server")
    if wanted is None:
        return next((d for d in usable if kind in d.default), usable[0])
    matches = [d for d in usable if wanted == str(d.index)]
    matches = matches or [d for d in usable if wanted.lower() == d.name.lower()]
    matches = matches or [d for d in usable if wanted.lower() in d.name.lower()]
    if len(matches) > 1:
        matches = _prefer_one_host_api(matches, usable, kind)
    if len(matches) == 1:
        return matches[0]
    names = ", ".join(f"{d.index} {d.name!r}" for d in matches or usable)
    problem = "several devices match" if matches else f"no {kind} device matches"
    raise RtdenoiseError(f"{problem} {wanted!r}: choose by number among {names}")


def _prefer_one_host_api(matches: list[Device], usable: list[Device], kind: str) -> list[Device]:
    """Return one entry of a device that several host APIs list, as Windows does.

    Prefer WASAPI, which has the lowest latency, then the host API of the default device.
    """
    default = next((d.host_api for d in usable if kind in d.default), "")
    for api in ("Windows WASAPI", default):
        if kept := [d for d in matches if d.host_api == api]:
            return kept
    return matches


def device_exists(devices: list[Device], wanted: str, kind: str) -> bool:
    """Return whether `wanted` selects a device that is present, or is "none" for no output."""
    try:
        choose_device(devices, wanted, kind)
    except RtdenoiseError:
        return wanted == "none" and kind == "output"
    return True


def stable_name(devices: list[Device], wanted: str, kind: str) -> str:
    """Return a name that still selects the same device when other devices come and go.

    Device numbers change; so a number becomes the device's name. If that name is ambiguous, return
    `wanted` unchanged.
    """
    if not wanted.isdecimal():
        return wanted
    device = choose_device(devices, wanted, kind)
    try:
        return device.name if choose_device(devices, device.name, kind) == device else wanted
    except RtdenoiseError:
        return wanted  # several devices have that name


def refuse_feedback(source: Device, target: Device) -> None:
    """Raise RtdenoiseError if a built-in microphone would hear the built-in speaker.

    Both must be on one host API and have a name that marks them as built in. For the default
    devices of Linux, look at the ports that the sound server uses. Virtual devices, headsets and
    cables are allowed.
    """
    names = (source.name, target.name)
    if all(name in SOUND_SERVER_NAMES for name in names):
        names = _sound_server_ports() or names
    built_in = all(any(word in name.lower() for word in BUILT_IN) for name in names)
    if built_in and source.host_api == target.host_api:
        raise RtdenoiseError(
            f"{names[0]!r} would hear {names[1]!r} and cause feedback: use headphones, choose "
            "another output, or pass --allow-feedback"
        )


def _sound_server_ports() -> tuple[str, str] | None:
    """Return the active ports of the sound server's default microphone and speaker, if known."""
    from .pulse_server import connect_to_pulse

    if os.environ.get("PULSE_SINK"):  # the output is our own virtual microphone: no speaker
        return None
    try:
        with connect_to_pulse() as pulse:
            info = pulse.server_info()
            source = pulse.get_source_by_name(info.default_source_name)
            sink = pulse.get_sink_by_name(info.default_sink_name)
    except Exception:  # no pulsectl, no server or no default device
        return None
    ports = [device.port_active and device.port_active.name for device in (source, sink)]
    return (ports[0], ports[1]) if all(ports) else None
