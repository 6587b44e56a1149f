"""Checks of audio devices and of the sound server. Only live audio needs them."""

from __future__ import annotations

import dataclasses

from ..errors import RtdenoiseError
from .finding import Finding, finding_of

CONNECT = "for live audio connect a microphone and headphones, or start a sound server"


def check_devices() -> list[Finding]:
    """Return a finding on PortAudio and the devices that it lists."""
    from ..live import import_sounddevice, list_devices

    try:
        portaudio = str(import_sounddevice().get_portaudio_version()[1]).partition(",")[0]
        devices = list_devices()
    except (RtdenoiseError, ModuleNotFoundError) as error:
        return [finding_of("devices", "absent", error)]
    details = {"portaudio": portaudio, "devices": [dataclasses.asdict(d) for d in devices]}
    microphones = [d for d in devices if d.inputs]
    speakers = [d for d in devices if d.outputs]
    text = f"{_count(len(microphones), 'input')}, {_count(len(speakers), 'output')}, {portaudio}"
    defaults = [f"default {d.default}: {d.name}" for d in devices if d.default]
    state, advice = ("ok", "") if microphones and speakers else ("absent", CONNECT)
    text = "; ".join([text, *defaults])
    return [Finding("devices", state, text, advice, details)]  # type: ignore[arg-type]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def check_sound_server() -> list[Finding]:
    """Return a finding on PulseAudio or PipeWire; `--virtual-mic` needs one of them."""
    from ..live import connect_to_pulse

    try:
        with connect_to_pulse() as pulse:
            info = pulse.server_info()
    except RtdenoiseError as error:
        return [finding_of("sound server", "absent", error)]
    details = {
        "name": info.server_name,
        "version": info.server_version,
        "default_input": info.default_source_name,
        "default_output": info.default_sink_name,
    }
    text = "{name} {version}, input {default_input}, output {default_output}".format(**details)
    return [Finding("sound server", "ok", text, details=details)]
