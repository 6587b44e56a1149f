"""`rtdenoise live` with a microphone whose clock runs too fast, for measurements only.

python -m benchmarks.live.simulate_drift PPM live [options]
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from rtdenoise.cli import main
from rtdenoise.live import DuplexBuffer, FractionalResampler


def speed_up_microphone(ppm: float) -> None:
    """Make every microphone deliver `ppm` millionths more frames than it captured."""
    original = DuplexBuffer.capture
    resamplers: dict[int, FractionalResampler] = {}

    def capture(self: DuplexBuffer, indata: NDArray[np.float32]) -> None:
        resampler = resamplers.get(id(self))
        if resampler is None:
            resampler = resamplers[id(self)] = FractionalResampler()
            resampler.ratio = 1 / (1 + ppm * 1e-6)
        original(self, resampler.process(indata[:, :1]))

    DuplexBuffer.capture = capture  # type: ignore[method-assign]


if __name__ == "__main__":
    drift = float(sys.argv.pop(1))
    if drift:
        speed_up_microphone(drift)
    main()
