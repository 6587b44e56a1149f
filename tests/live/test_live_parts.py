"""The parts of the live path, each alone: no sound server."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import RtdenoiseError
from rtdenoise.cli import live_commands as commands_live
from rtdenoise.live import settings, terminal
from rtdenoise.live.bridge import Bridge
from rtdenoise.live.devices import Device, choose_device, lasting_name, refuse_feedback
from rtdenoise.live.drift_control import DriftControl
from rtdenoise.live.fractional_resampler import FractionalResampler
from rtdenoise.live.options import LiveOptions
from rtdenoise.live.overload import Overload
from rtdenoise.live.recorder import Takes
from rtdenoise.live.ring_buffer import Ring
from rtdenoise.live.session import LiveSession

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


def test_what_windows_lists_thrice_is_one_device():
    apis = ("MME", "Windows DirectSound", "Windows WASAPI")
    cables = [Device(i, "CABLE Input (VB-Audio)", api, 0, 2, 48_000) for i, api in enumerate(apis)]
    assert choose_device(cables, "cable input", "output").host_api == "Windows WASAPI"
    other = Device(9, "Speakers", "MME", 0, 2, 48_000, "output")
    assert choose_device([*cables[:2], other], "cable", "output").host_api == "MME"


def test_a_device_chosen_by_number_is_remembered_by_name():
    assert lasting_name(DEVICES, "3", "input") == "USB Camera"
    assert lasting_name(DEVICES, "headset", "output") == "headset"
    twins = [*DEVICES, Device(4, "USB Camera", "Core Audio", 1, 0, 16_000)]
    assert lasting_name(twins, "4", "input") == "4"  # the name would not tell which


def test_a_built_in_loop_is_refused():
    with pytest.raises(RtdenoiseError, match="--allow-feedback"):
        refuse_feedback(DEVICES[0], DEVICES[1])
    refuse_feedback(DEVICES[0], DEVICES[2])


@pytest.mark.parametrize(
    ("ports", "howls"),
    [
        (("analog-input-internal-mic", "analog-output-speaker"), True),
        (("[In] Mic1", "[Out] Speaker"), True),
        (("analog-input-internal-mic", "analog-output-headphones"), False),
        (None, False),
    ],
)
def test_what_the_sound_server_chose_is_looked_at(monkeypatch, ports, howls):
    monkeypatch.setattr("rtdenoise.live.devices._behind_the_server", lambda: ports)
    both = Device(0, "default", "ALSA", 32, 32, 44_100, "input and output")
    if howls:
        with pytest.raises(RtdenoiseError, match="--allow-feedback"):
            refuse_feedback(both, both)
    else:
        refuse_feedback(both, both)


def test_long_takes_go_on_in_another_file(tmp_path, monkeypatch):
    names = iter("ab")
    monkeypatch.setattr("rtdenoise.live.recorder.LONGEST", 1000)
    monkeypatch.setattr("rtdenoise.live.recorder.time.strftime", lambda _: next(names))
    takes = Takes(tmp_path)
    for value in (0.1, 0.2, 0.3):
        takes.add(np.full((600, 1), value, np.float32), np.full((600, 1), -value, np.float32))
    takes.close()
    lengths = {path.name: sf.info(path).frames for path in tmp_path.iterdir()}
    assert sorted(lengths.values()) == [600, 600, 1200, 1200] and not takes.problem


def test_ring_wraps_counts_and_discards():
    ring, out = Ring(10, 1), np.zeros((4, 1), np.float32)
    numbers = np.arange(100, dtype=np.float32)[:, None]
    got: list[float] = []
    for i in range(0, 100, 3):
        ring.write(numbers[i : i + 3])
        count = ring.read_into(out)
        got += out[:count, 0].tolist()
    assert got == numbers[:, 0].tolist() and ring.dropped == 0
    assert ring.write(numbers[:12]) == 10 and ring.dropped == 2
    assert ring.discard(7) == 7 and len(ring) == 3
    assert ring.read_into(out) == 3 and out[:3, 0].tolist() == [7, 8, 9]


def test_fill_target_grows_after_an_underrun_and_shrinks_when_calm(toy_stream_model):
    session = LiveSession(LiveOptions(model=str(toy_stream_model)))
    first = session.fill.target
    session.bridge.underruns = 1
    session.fill.adapt(1)
    assert session.fill.target == first + session.hop == session.bridge.reserve
    assert session.counters.underruns == 1
    session.fill._calm = -1.0
    session.fill.adapt(1)
    assert session.fill.target == first
    session.fill._calm, session.bridge.underruns = 10.0, 2  # that was too soon
    session.fill.adapt(1)
    assert session.fill.target == first + session.hop and session.fill._calm == 20.0


def test_surplus_is_dropped_so_that_latency_never_grows(toy_stream_model):
    session = LiveSession(LiveOptions(model=str(toy_stream_model)))
    session.bridge.to_play.write(np.ones((20 * session.hop, 1), np.float32))
    session.fill.adapt(1)
    assert not session.bridge.drop  # a late callback may be about to take it
    session.fill._lowest_since -= 1.1
    session.fill.adapt(1)
    session.bridge.play(np.zeros((480, 1), np.float32))
    assert len(session.bridge.to_play) <= session.fill.target + session.hop + 2 * 480


def test_what_ran_low_in_between_is_no_surplus(toy_stream_model):
    session = LiveSession(LiveOptions(model=str(toy_stream_model)))
    for moved in (20, -19, 19):
        if moved > 0:
            session.bridge.to_play.write(np.ones((moved * session.hop, 1), np.float32))
        else:
            session.bridge.to_play.discard(-moved * session.hop)
        session.fill.adapt(1)
    session.fill._lowest_since -= 1.1
    session.fill.adapt(1)
    assert not session.bridge.drop


@pytest.mark.parametrize("milliseconds", [0, -10, 1000, float("nan")])
def test_a_hop_that_makes_no_sense_is_refused(toy_stream_model, milliseconds):
    with pytest.raises(RtdenoiseError, match="use up to 200"):
        LiveSession(LiveOptions(model=str(toy_stream_model), hop_ms=milliseconds))


def test_the_largest_hop_and_safety_fit_the_rings(toy_stream_model):
    session = LiveSession(LiveOptions(model=str(toy_stream_model), hop_ms=200, safety_ms=400))
    for underruns in range(1, 12):
        session.bridge.underruns = underruns
        session.fill.adapt(1)
    session.fill.overloaded(4)
    most = session.bridge.reserve + 480
    session.bridge.to_play.write(np.ones((most, 1), np.float32))
    assert len(session.bridge.to_play) >= most  # or it would never play again


def test_advice_is_given_that_can_be_taken(toy_stream_model):
    said: list[str] = []
    session = LiveSession(LiveOptions(model=str(toy_stream_model)), said.append)
    session.bridge.playing = True
    for gap in (0.061, 0.07, 0.2, 0.6):
        session.bridge.ran_dry(gap)
        session._advise()
    assert ["--safety-ms 70 " in said[0], "--safety-ms 200 " in said[1]] == [True, True]
    assert len(said) == 3 and "no --safety-ms, up to 400" in said[2]


def test_computing_that_fails_is_told(toy_stream_model, tmp_path):
    sf.write(tmp_path / "in.wav", np.zeros(48_000), 48_000)
    options = LiveOptions(str(tmp_path / "in.wav"), "none", str(toy_stream_model))
    session = LiveSession(options, lambda _: None)

    def broken(block):
        raise RuntimeError("the card is gone")

    session.processor.engine.step = broken
    with pytest.raises(RtdenoiseError, match="computing failed: the card is gone"):
        session.run()


@pytest.mark.parametrize("milliseconds", [-1, 1000])
def test_a_safety_out_of_range_is_refused(toy_stream_model, milliseconds):
    with pytest.raises(RtdenoiseError, match="0 to 400"):
        LiveSession(LiveOptions(model=str(toy_stream_model), safety_ms=milliseconds))


def test_safety_is_held_on_top_of_the_target(toy_stream_model):
    session = LiveSession(LiveOptions(model=str(toy_stream_model), safety_ms=100))
    assert session.fill.target == session.hop + 4800
    session.fill._calm = -1.0
    session.fill.adapt(1)
    assert session.fill.target == session.hop + 4800  # calm does not take it away


def test_playing_begins_with_a_reserve_and_an_underrun_fades():
    bridge, out = Bridge(lambda: None), np.zeros((480, 2), np.float32)
    bridge.to_play.write(np.ones((950, 1), np.float32))
    bridge.play(out)
    assert not out.any() and len(bridge.to_play) == 950  # waits for block and reserve
    bridge.to_play.write(np.ones((100, 1), np.float32))
    bridge.play(out)
    assert (out == 1).all() and bridge.underruns == 0  # both channels of a stereo speaker
    bridge.play(out)
    bridge.play(out)
    assert bridge.underruns == 1 and out[0, 0] > 0.5 and np.abs(np.diff(out[:, 0])).max() < 0.06


def drifting(
    ppm: float, minutes: float, left_behind: float = 0.0
) -> tuple[list[float], list[np.ndarray], DriftControl]:
    """Simulate a speaker whose clock runs `ppm` slower; return levels, blocks and the control.

    After 20 s a stall leaves so many frames more waiting.
    """
    control, rng = DriftControl(), np.random.default_rng(0)
    level, levels, heard, phase = 960.0, [], [], 0.0
    for i in range(int(minutes * 6000)):
        if i == 2000 and left_behind:
            level += left_behind
            control.hold()
        time_ = phase + np.arange(480)
        phase += 480
        block = np.sin(2 * np.pi * 1000 / 48_000 * time_)[:, None].astype("f")
        out = control.apply(block)
        heard.append(out)
        level += len(out) - 480 * (1 - ppm * 1e-6)
        levels.append(level)
        control.update(level + rng.uniform(-240, 240), 0.01)  # callbacks are never on time
    return levels, heard, control


@pytest.mark.parametrize("ppm", [200, -300])
def test_drift_is_measured_and_latency_does_not_grow(ppm):
    levels, heard, control = drifting(ppm, 4)
    end = np.mean(levels[-3000:])
    assert control.engaged and abs(control.ppm - ppm) < 40
    assert abs(end - 960) < 100  # 2 ms; without control it would be 2304 frames off
    wave = np.concatenate(heard)[100:, 0]
    assert np.abs(np.diff(wave, 2)).max() < 0.0172  # no seam where resampling sets in


@pytest.mark.parametrize("ppm", [0, 200])
def test_what_a_stall_leaves_behind_is_gone_in_minutes_without_a_cut(ppm):
    levels, heard, control = drifting(ppm, 4, left_behind=1440)  # 30 ms
    assert max(levels) > 2000 and np.abs(np.array(levels[-6000:]) - 960).max() < 100
    assert abs(control.ppm - ppm) < 60
    wave = np.concatenate(heard)[100:, 0]
    assert np.abs(np.diff(wave, 2)).max() < 0.0172


def test_without_drift_the_samples_pass_untouched():
    _, heard, control = drifting(0, 1)
    expected = np.sin(2 * np.pi * 1000 / 48_000 * np.arange(len(heard) * 480)).astype("f")
    late = FractionalResampler.delay
    assert not control.engaged
    assert np.array_equal(np.concatenate(heard)[late:, 0], expected[:-late])


@pytest.mark.parametrize("frequency", [1000, 15_000])
def test_fractional_resampling_is_clean(frequency):
    resampler, ratio = FractionalResampler(), 1 + 400e-6
    resampler.ratio = ratio
    omega = 2 * np.pi * frequency / 48_000
    wave = np.sin(omega * np.arange(48_000)).astype("f")[:, None]
    out = np.concatenate([resampler.process(part) for part in np.split(wave, [1, 480, 700, 9000])])
    expected = np.sin(omega * (np.arange(len(out)) * ratio - resampler.delay))
    assert np.abs(out[100:, 0] - expected[100:]).max() < 1e-4


def test_overload_degrades_in_steps_and_recovers():
    control, seen = Overload(), [0]
    for computing in [0.015] * 400 + [0.002] * 3000:  # seconds for 10 ms of audio
        if control.note(0.0 if control.bypass else computing * control.hops, 0.01 * control.hops):
            seen.append(control.level)
    assert seen[:4] == [0, 1, 2, 3] and seen[-1] == 0 and max(seen) == 3
    assert [abs(a - b) for a, b in zip(seen, seen[1:], strict=False)] == [1] * (len(seen) - 1)


def test_the_last_devices_are_remembered_and_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "settings_path", lambda: tmp_path / "deep" / "live.json")
    monkeypatch.setattr("rtdenoise.live.devices.list_devices", lambda: DEVICES)
    given = {"input": "headset", "output": "Built-in Output", "limit_db": 12.0}
    assert commands_live._remembered(given, False) == given
    assert commands_live._remembered({}, False) == {}  # not before the devices are open
    commands_live._remember(given)
    assert commands_live._remembered({}, False) == given
    monkeypatch.setattr("rtdenoise.live.devices.list_devices", lambda: DEVICES[:2])
    again = commands_live._remembered({}, False)
    assert "input" not in again and again["output"] == "Built-in Output"  # unplugged
    settings.forget_settings()
    assert commands_live._remembered({}, False) == {}


def test_a_mix_out_of_range_is_refused_and_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "settings_path", lambda: tmp_path / "live.json")
    with pytest.raises(RtdenoiseError, match=r"a mix of 3 .* use 0 \(dry\) to 1"):
        commands_live.live(mix=3.0)
    assert settings.load_settings() == {}


def test_keys_change_what_is_heard(toy_stream_model):
    session = LiveSession(LiveOptions(model=str(toy_stream_model)))
    for key in "bmmL":
        terminal.act(session, key)
    processor = session.processor
    assert processor.bypass and processor.mix == 0.8 and processor.attenuation_limit_db is None
    for key, limit in (("l", 40), ("l", 30), ("L", 40), ("L", None)):
        terminal.act(session, key)
        assert processor.attenuation_limit_db == limit
    terminal.act(session, "q")
    assert session.stop.is_set()
    assert terminal.meter(-120) == "·" * 30 and terminal.meter(0) == "█" * 30
