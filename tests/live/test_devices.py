"""Devices: choosing one, remembering it, and refusing a feedback loop."""

from __future__ import annotations

import pytest

from rtdenoise import RtdenoiseError
from rtdenoise.live.devices import Device, choose_device, refuse_feedback, stable_name

DEVICES = [
    Device(0, "Built-in Microphone", "Core Audio", 1, 0, 48_000, "input"),
    Device(1, "Built-in Output", "Core Audio", 0, 2, 48_000, "output"),
    Device(2, "USB Headset", "Core Audio", 1, 2, 48_000),
    Device(3, "USB Camera", "Core Audio", 1, 0, 16_000),
]


def test_devices_are_chosen_by_number_name_or_default():
    assert choose_device(DEVICES, None, "input").index == 0
    assert choose_device(DEVICES, "2", "output").index == 2
    assert choose_device(DEVICES, "headset", "input").index == 2
    for wanted, word in (("usb", "several"), ("radio", "no input"), ("1", "no input")):
        with pytest.raises(RtdenoiseError, match=word) as error:
            choose_device(DEVICES, wanted, "input")
        assert "2 'USB Headset'" in str(error.value)
    with pytest.raises(RtdenoiseError, match="no output device"):
        choose_device(DEVICES[:1], None, "output")


def test_a_device_of_several_host_apis_is_one_device():
    apis = ("MME", "Windows DirectSound", "Windows WASAPI")
    cables = [Device(i, "CABLE Input (VB-Audio)", api, 0, 2, 48_000) for i, api in enumerate(apis)]
    assert choose_device(cables, "cable input", "output").host_api == "Windows WASAPI"
    other = Device(9, "Speakers", "MME", 0, 2, 48_000, "output")
    assert choose_device([*cables[:2], other], "cable", "output").host_api == "MME"


def test_a_device_chosen_by_number_is_remembered_by_name():
    assert stable_name(DEVICES, "3", "input") == "USB Camera"
    assert stable_name(DEVICES, "headset", "output") == "headset"
    twins = [*DEVICES, Device(4, "USB Camera", "Core Audio", 1, 0, 16_000)]
    assert stable_name(twins, "4", "input") == "4"  # the name is ambiguous


def test_feedback_between_built_in_devices_is_refused():
    with pytest.raises(RtdenoiseError, match="--allow-feedback"):
        refuse_feedback(DEVICES[0], DEVICES[1])
    refuse_feedback(DEVICES[0], DEVICES[2])


@pytest.mark.parametrize(
    ("ports", "feeds_back"),
    [
        (("analog-input-internal-mic", "analog-output-speaker"), True),
        (("[In] Mic1", "[Out] Speaker"), True),
        (("analog-input-internal-mic", "analog-output-headphones"), False),
        (None, False),
    ],
)
def test_the_ports_of_the_sound_server_decide_for_default_devices(monkeypatch, ports, feeds_back):
    monkeypatch.setattr("rtdenoise.live.devices._sound_server_ports", lambda: ports)
    both = Device(0, "default", "ALSA", 32, 32, 44_100, "input and output")
    if feeds_back:
        with pytest.raises(RtdenoiseError, match="--allow-feedback"):
            refuse_feedback(both, both)
    else:
        refuse_feedback(both, both)
