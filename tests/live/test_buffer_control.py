"""How much audio is held ready for the speaker."""

from __future__ import annotations

import numpy as np

from rtdenoise.live.options import LiveOptions
from rtdenoise.live.session import LiveSession


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


def test_the_largest_hop_and_safety_fit_the_rings(toy_stream_model):
    session = LiveSession(LiveOptions(model=str(toy_stream_model), hop_ms=200, safety_ms=400))
    for underruns in range(1, 12):
        session.bridge.underruns = underruns
        session.fill.adapt(1)
    session.fill.overloaded(4)
    most = session.bridge.reserve + 480
    session.bridge.to_play.write(np.ones((most, 1), np.float32))
    assert len(session.bridge.to_play) >= most  # or it would never play again


def test_safety_is_held_on_top_of_the_target(toy_stream_model):
    session = LiveSession(LiveOptions(model=str(toy_stream_model), safety_ms=100))
    assert session.fill.target == session.hop + 4800
    session.fill._calm = -1.0
    session.fill.adapt(1)
    assert session.fill.target == session.hop + 4800  # calm does not take it away
