"""A live session: what it refuses, advises and reports."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import RtdenoiseError
from rtdenoise.live.options import LiveOptions
from rtdenoise.live.session import LiveSession


@pytest.mark.parametrize("milliseconds", [0, -10, 1000, float("nan")])
def test_a_hop_that_makes_no_sense_is_refused(toy_stream_model, milliseconds):
    with pytest.raises(RtdenoiseError, match="use up to 200"):
        LiveSession(LiveOptions(model=str(toy_stream_model), hop_ms=milliseconds))


@pytest.mark.parametrize("milliseconds", [-1, 1000])
def test_a_safety_out_of_range_is_refused(toy_stream_model, milliseconds):
    with pytest.raises(RtdenoiseError, match="0 to 400"):
        LiveSession(LiveOptions(model=str(toy_stream_model), safety_ms=milliseconds))


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
