"""Advice on `--safety-ms` after an audible gap."""

from __future__ import annotations

from rtdenoise.live.stall_advice import StallAdvice


def test_the_advice_can_be_followed_and_is_not_repeated():
    advice = StallAdvice()
    first, again, longer, too_long = map(advice.advise, (0.061, 0.07, 0.2, 0.6))
    assert first and "stopped for 61 ms; --safety-ms 70 " in first
    assert again is None and advice.advise(0.0) is None
    assert longer and "--safety-ms 200 " in longer
    assert too_long and "longer than the largest --safety-ms, 400" in too_long
