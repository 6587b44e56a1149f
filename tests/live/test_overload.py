"""When computing is slower than the audio."""

from __future__ import annotations

from rtdenoise.live.overload import OverloadControl


def test_overload_degrades_in_steps_and_recovers():
    control, seen = OverloadControl(), [0]
    for computing in [0.015] * 400 + [0.002] * 3000:  # seconds for 10 ms of audio
        if control.update(0.0 if control.bypass else computing * control.hops, 0.01 * control.hops):
            seen.append(control.level)
    assert seen[:4] == [0, 1, 2, 3] and seen[-1] == 0 and max(seen) == 3
    assert [abs(a - b) for a, b in zip(seen, seen[1:], strict=False)] == [1] * (len(seen) - 1)
