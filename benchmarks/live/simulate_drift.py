"""`rtdenoise live` with a microphone whose clock is made to run fast, for measurements only.

python -m benchmarks.live.drifting_live PPM live [options]
"""

from __future__ import annotations

import sys

from rtdenoise.cli import main
from rtdenoise.live import Audio, Bridge, FractionalResampler


def run_fast(ppm: float) -> None:
    """Make every bridge capture `ppm` millionths more frames than there were."""
    genuine = Bridge.capture
    resamplers: dict[int, FractionalResampler] = {}

    def capture(self: Bridge, indata: Audio) -> None:
        resampler = resamplers.get(id(self))
        if resampler is None:
            resampler = resamplers[id(self)] = FractionalResampler()
            resampler.ratio = 1 / (1 + ppm * 1e-6)
        genuine(self, resampler.process(indata[:, :1]))

    Bridge.capture = capture  # type: ignore[method-assign]


if __name__ == "__main__":
    drift = float(sys.argv.pop(1))
    if drift:
        run_fast(drift)
    main()
