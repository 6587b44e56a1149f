"""Between the device threads and the worker."""

from __future__ import annotations

import numpy as np

from rtdenoise.live.duplex_buffer import DuplexBuffer


def test_playback_starts_after_the_prefill_and_an_underrun_fades_out():
    buffer, out = DuplexBuffer(lambda: None), np.zeros((480, 2), np.float32)
    buffer.to_play.write(np.ones((950, 1), np.float32))
    buffer.play(out)
    assert not out.any() and len(buffer.to_play) == 950  # waits for a block and the prefill
    buffer.to_play.write(np.ones((100, 1), np.float32))
    buffer.play(out)
    assert (out == 1).all() and buffer.underruns == 0  # both channels of a stereo speaker
    buffer.play(out)
    buffer.play(out)
    assert buffer.underruns == 1 and out[0, 0] > 0.5 and np.abs(np.diff(out[:, 0])).max() < 0.06
