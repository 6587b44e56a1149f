"""`rtdenoise live` with a microphone whose clock is made to run fast, for measurements only.

python -m benchmarks.drifting_live PPM live [options]
"""

from __future__ import annotations

import sys

import numpy as np

from rtdenoise import cli
from rtdenoise.audio_io import Audio, Bridge


def run_fast(ppm: float) -> None:
    """Make every bridge capture one frame more (or fewer) each 1e6 / ppm frames."""
    genuine, count = Bridge.capture, [0]
    period = int(1e6 / abs(ppm))

    def capture(self: Bridge, indata: Audio) -> None:
        before, count[0] = count[0] // period, count[0] + len(indata)
        if count[0] // period > before:
            indata = np.concatenate([indata, indata[-1:]]) if ppm > 0 else indata[:-1]
        genuine(self, indata)

    Bridge.capture = capture  # type: ignore[method-assign]


if __name__ == "__main__":
    drift = float(sys.argv.pop(1))
    if drift:
        run_fast(drift)
    cli.main()
