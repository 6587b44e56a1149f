"""How much audio is buffered for the speaker."""

from __future__ import annotations

import numpy as np

from rtdenoise.live.buffer_control import BufferControl
from rtdenoise.live.counters import Counters
from rtdenoise.live.duplex_buffer import DuplexBuffer

HOP = 480


def make_control(hop: int = HOP, safety: int = 0) -> tuple[BufferControl, DuplexBuffer]:
    buffer = DuplexBuffer(lambda: None)
    return BufferControl(buffer, Counters(), hop, safety), buffer


def test_the_target_grows_after_an_underrun_and_shrinks_when_calm():
    control, buffer = make_control()
    first = control.target
    buffer.underruns = 1
    control.update(1)
    assert control.target == first + HOP == buffer.prefill
    assert control.counters.underruns == 1
    control._shrink_after = -1.0
    control.update(1)
    assert control.target == first
    control._shrink_after, buffer.underruns = 10.0, 2  # that was too soon
    control.update(1)
    assert control.target == first + HOP and control._shrink_after == 20.0


def test_surplus_is_dropped_so_that_latency_never_grows():
    control, buffer = make_control()
    buffer.to_play.write(np.ones((20 * HOP, 1), np.float32))
    control.update(1)
    assert not buffer.frames_to_drop  # a late callback may be about to take it
    control._lowest_since -= 1.1
    control.update(1)
    buffer.play(np.zeros((480, 1), np.float32))
    assert len(buffer.to_play) <= control.target + HOP + 2 * 480


def test_audio_that_ran_low_in_between_is_no_surplus():
    control, buffer = make_control()
    for moved in (20, -19, 19):
        if moved > 0:
            buffer.to_play.write(np.ones((moved * HOP, 1), np.float32))
        else:
            buffer.to_play.discard(-moved * HOP)
        control.update(1)
    control._lowest_since -= 1.1
    control.update(1)
    assert not buffer.frames_to_drop


def test_late_input_is_dropped_and_counted():
    control, buffer = make_control()
    buffer.captured.write(np.ones((4 * HOP, 1), np.float32))
    control.update(1)
    assert control.counters.overruns == 0
    buffer.captured.write(np.ones((3 * HOP, 1), np.float32))
    control.update(1)
    assert control.counters.overruns == 1 and len(buffer.captured) == 4 * HOP


def test_the_largest_hop_and_safety_fit_the_rings():
    control, buffer = make_control(hop=9600, safety=19_200)  # 200 and 400 ms
    for underruns in range(1, 12):
        buffer.underruns = underruns
        control.update(1)
    control.grow_for(4)
    most = buffer.prefill + 480
    buffer.to_play.write(np.ones((most, 1), np.float32))
    assert len(buffer.to_play) >= most  # or it would never play again


def test_safety_is_held_beyond_the_hop():
    control, _ = make_control(safety=4800)
    assert control.target == HOP + 4800
    control._shrink_after = -1.0
    control.update(1)
    assert control.target == HOP + 4800  # a calm time does not take it away


def test_larger_steps_get_silence_in_advance():
    control, buffer = make_control()
    control.grow_for(4)
    assert control.target == 4 * HOP and len(buffer.to_play) == 3 * HOP
