"""Random blocks through one stream and the same audio in seconds through another: equal samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from rtdenoise import Denoiser

from .stream_cases import Case

LONGEST_SECONDS = 1 / 24  # of a block; the shortest is one frame or byte; even over the logarithm
TOLERANCE = {"float32": 1e-5, "int16": 1}  # full scale 1.0; steps


def soak(denoiser: Denoiser, case: Case, blocks: int) -> dict[str, Any]:
    """Return how far `blocks` random blocks of endless noise are from the samples of one pass."""
    rng = np.random.default_rng(0)
    tested, reference = case.open(denoiser), case.open(denoiser)
    longest = np.log(LONGEST_SECONDS * case.rate * (2 if case.as_bytes else 1))
    done, seconds, largest = 0, 0, 0.0
    while done < blocks:
        audio = case.chunk(1.0, seed=seconds)
        parts, start = [], 0
        while start < len(audio):
            size = round(np.exp(rng.uniform(0, longest)))
            parts.append(tested.write(audio[start : start + size]))
            start, done = start + size, done + 1
        got, expected = (_numbers(case, x) for x in (parts, [reference.write(audio)]))
        largest = max(largest, float(np.abs(got - expected).max()))
        seconds += 1
    return {
        "case": case.name,
        "blocks": done,
        "seconds": seconds,
        "difference": largest,
        "same": largest <= TOLERANCE[case.dtype],
    }


def _numbers(case: Case, parts: list[Any]) -> np.ndarray:
    """Return outputs as float64, joined. Those of bytes may end within a sample."""
    if case.as_bytes:
        return np.frombuffer(b"".join(parts), case.dtype).astype(float)
    return np.concatenate(parts).astype(float)
