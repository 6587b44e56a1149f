"""Recording both the noisy and the denoised audio of a session."""

from __future__ import annotations

import numpy as np
import soundfile as sf

from rtdenoise.live.recorder import Recorder


def test_a_long_recording_continues_in_new_files(tmp_path, monkeypatch):
    names = iter("ab")
    monkeypatch.setattr("rtdenoise.live.recorder.MAX_FRAMES", 1000)
    monkeypatch.setattr("rtdenoise.live.recorder.time.strftime", lambda _: next(names))
    recorder = Recorder(tmp_path)
    for value in (0.1, 0.2, 0.3):
        recorder.add(np.full((600, 1), value, np.float32), np.full((600, 1), -value, np.float32))
    recorder.close()
    lengths = {path.name: sf.info(path).frames for path in tmp_path.iterdir()}
    assert sorted(lengths.values()) == [600, 600, 1200, 1200] and not recorder.problem
