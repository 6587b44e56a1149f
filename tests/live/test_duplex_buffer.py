"""Between the device threads and the worker."""

from __future__ import annotations

import numpy as np

from rtdenoise.live.bridge import Bridge


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
