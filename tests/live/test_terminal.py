"""Keys and meters in a terminal."""

from __future__ import annotations

from rtdenoise.live import terminal
from rtdenoise.live.options import LiveOptions
from rtdenoise.live.session import LiveSession


def test_keys_change_the_parameters(toy_stream_model):
    session = LiveSession(LiveOptions(model=str(toy_stream_model)))
    for key in "bmmL":
        terminal.handle_key(session, key)
    processor = session.processor
    assert processor.bypass and processor.mix == 0.8 and processor.attenuation_limit_db is None
    for key, limit in (("l", 40), ("l", 30), ("L", 40), ("L", None)):
        terminal.handle_key(session, key)
        assert processor.attenuation_limit_db == limit
    terminal.handle_key(session, "q")
    assert session.stop.is_set()
    assert terminal.meter(-120) == "·" * 30 and terminal.meter(0) == "█" * 30
