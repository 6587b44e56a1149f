"""A live session: options out of range, advice, failures."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf

from rtdenoise import RtdenoiseError
from rtdenoise.live.options import LiveOptions
from rtdenoise.live.session import LiveSession


@pytest.mark.parametrize("milliseconds", [0, -10, 1000, float("nan")])
def test_a_hop_out_of_range_is_refused(toy_stream_model, milliseconds):
    with pytest.raises(RtdenoiseError, match="0.01 to 200"):
        LiveSession(LiveOptions(model=str(toy_stream_model), hop_ms=milliseconds))


@pytest.mark.parametrize("milliseconds", [-1, 1000])
def test_a_safety_out_of_range_is_refused(toy_stream_model, milliseconds):
    with pytest.raises(RtdenoiseError, match="0 to 400"):
        LiveSession(LiveOptions(model=str(toy_stream_model), safety_ms=milliseconds))


def test_advice_on_a_gap_is_shown_once(toy_stream_model):
    shown: list[str] = []
    session = LiveSession(LiveOptions(model=str(toy_stream_model)), shown.append)
    buffer = session.worker.control.buffer
    buffer.playing = True
    buffer.count_device_underrun(0.061)
    assert session._wait(0.01) and session._wait(0.01)
    assert len(shown) == 1 and "--safety-ms 70 " in shown[0]


def test_computing_that_fails_is_reported(toy_stream_model, tmp_path):
    sf.write(tmp_path / "in.wav", np.zeros(48_000), 48_000)
    options = LiveOptions(str(tmp_path / "in.wav"), "none", str(toy_stream_model))
    session = LiveSession(options, lambda _: None)

    def broken(block):
        raise RuntimeError("the card is gone")

    session.processor.engine.step = broken
    with pytest.raises(RtdenoiseError, match="computing failed: the card is gone"):
        session.run()
