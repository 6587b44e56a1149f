"""Judging a long live run: the speaker's recording beside the file path on the microphone's.

microphone -> file path -> expected
speaker -> aligned, following its lag as it drifts -> heard      expected ~ heard?
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, median_filter

from rtdenoise import Denoiser
from rtdenoise.compare import si_sdr
from rtdenoise.live import find

Audio = NDArray[np.float32]
RATE = 48_000
WINDOW = 10 * RATE  # frames compared at once
PIECE, STEP = RATE // 5, RATE // 10  # of the lag's track
REACH = RATE // 16  # how far a piece's lag may be from the last one's ...
NEARBY, PREFERRED = RATE // 1000, 0.15  # ... and where first: a voice repeats itself
FRAME = RATE // 200  # in which audio may be lost: half a block of the devices
GONE = 0.1  # heard by expected, both as levels: such a frame is lost
JUMP = RATE // 500  # a lag that moves so far in a second: audio was lost or inserted
AUDIBLE = 1e-3  # level below which a frame does not count
SILENT = 1e-5  # above this there is something: the network's gains, not a gap
AROUND = 10  # pieces: a lag counts by its median over a second, as a jump lasts


def judge(raw: Path, noisy: Audio | None = None, clean: Audio | None = None) -> dict[str, Any]:
    """Compare microphone and speaker in windows of ten seconds.

    With the loop that was played (`noisy`, `clean`, [frames]) both paths are scored against the
    clean recording too.
    """
    data = np.memmap(raw, np.float32, "r")
    both = data[: len(data) // 2 * 2].reshape(-1, 2)
    denoiser, rows, at = Denoiser(provider="cpu"), list[dict[str, Any]](), None
    for start in range(2 * RATE, len(both) - WINDOW - RATE, WINDOW):
        # A second of history first, so that the network has settled as it had in the live run.
        microphone = np.array(both[start - RATE : start + WINDOW, 0])
        expected = denoiser(microphone, RATE)[RATE:]
        if np.abs(expected).max() < 1e-4:
            continue
        speaker = np.array(both[start : start + WINDOW + RATE // 2, 1])
        reference = None
        if noisy is not None and clean is not None:
            at = place(microphone[RATE:], noisy, None if at is None else at + WINDOW)
            if at is not None:
                reference = clean[(at + np.arange(WINDOW)) % len(clean)]
        row = _compare(expected, speaker, reference)
        if rows and abs(row["begins"] - rows[-1]["ends"]) > 2 * JUMP:
            row["dropouts"].insert(0, 0.0)  # where two windows meet
        row["dropouts"] = [start / RATE + second for second in row["dropouts"]]
        rows.append(row)
    return _summary(rows)


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    late = [row["late_ms"] for row in rows]
    closeness = [row["si_sdr"] for row in rows]
    summary = {
        "windows": len(rows),
        "latency_start_ms": float(np.median(late[:6])),
        "latency_end_ms": float(np.median(late[-6:])),
        "latency_most_ms": max(late),
        "si_sdr_to_file_path_median": float(np.median(closeness)),
        "si_sdr_to_file_path_worst": min(closeness),
        "dropouts_at_s": [round(second, 2) for row in rows for second in row["dropouts"]],
        "late_ms": [round(value, 2) for value in late],
    }
    known = [row for row in rows if "live_si_sdr" in row]
    if known:
        for path in ("live", "file"):
            key = f"{path}_si_sdr"
            summary[f"{key}_to_clean"] = float(np.mean([row[key] for row in known]))
        gaps = [row["file_si_sdr"] - row["live_si_sdr"] for row in known]
        summary["si_sdr_lost_live_worst"] = max(gaps)
    return summary


def _compare(expected: Audio, speaker: Audio, reference: Audio | None) -> dict[str, Any]:
    lag = lag_track(expected, speaker)
    heard = map_coordinates(speaker, [np.arange(len(expected)) + lag], order=5, mode="nearest")
    row: dict[str, Any] = {
        "late_ms": 1000 * float(np.median(lag)) / RATE,
        "begins": float(lag[0]),
        "ends": float(lag[-1]),
        "si_sdr": min(si_sdr(expected, heard), 100.0),
        "dropouts": dropouts(expected, heard, lag),
    }
    if reference is not None:
        row |= {
            "live_si_sdr": si_sdr(reference, heard),
            "file_si_sdr": si_sdr(reference, expected),
        }
    return row


def dropouts(expected: Audio, heard: Audio, lag: NDArray[np.float64]) -> list[float]:
    """Return the seconds at which a loud 5 ms frame is gone, or the lag jumps for good.

    Frames are compared by level only: where clocks drift the live path's hops lie elsewhere than
    the file path's, and the network's gains with them (18 to 28 dB between the two).
    """
    level, left = (x.reshape(-1, FRAME).std(axis=1) for x in (expected, heard))
    lost = (level > AUDIBLE) & (left < np.minimum(GONE * level, SILENT))
    # From second to second a resampler of 500 ppm moves the lag by 24 frames; a lost block by more.
    track = np.pad(lag[::STEP], AROUND, mode="edge")
    seconds = np.median(np.lib.stride_tricks.sliding_window_view(track, AROUND), axis=1)
    jumped = np.abs(seconds[AROUND:] - seconds[:-AROUND]) > JUMP
    return sorted([*(_events(lost) * FRAME / RATE), *(_events(jumped) * STEP / RATE)])


def _events(happening: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the middles of the runs of True."""
    edges = np.flatnonzero(np.diff(np.pad(happening, 1).astype(int)))
    return (edges[::2] + edges[1::2] - 1) / 2


def lag_track(expected: Audio, speaker: Audio) -> NDArray[np.float64]:
    """Return how many frames later each frame of `expected` is heard in `speaker`.

    Found by correlation piece by piece, to a fraction of a frame, and joined by straight lines.
    """
    lag, _ = find(expected, speaker)
    centres, lags, near = [], [], float(lag)
    for start in range(0, len(expected) - PIECE + 1, STEP):
        piece = expected[start : start + PIECE]
        if np.std(piece) < 1e-3:
            continue
        place = start + round(near)
        at, match = _find_near(piece, speaker, place, NEARBY)
        if match + PREFERRED <= 1:  # or no place could be so much better
            anywhere = _find_near(piece, speaker, place, REACH)
            if anywhere[1] >= match + PREFERRED:
                at, match = anywhere
        if match > 0.7:
            near = at - start
            centres.append(start + PIECE // 2)
            lags.append(near)
    if not lags:
        return np.full(len(expected), float(lag))
    return np.interp(np.arange(len(expected)), centres, median_filter(np.array(lags), 5))


def _find_near(piece: Audio, speaker: Audio, place: int, reach: int) -> tuple[float, float]:
    """Return where in `speaker` the piece is heard, `reach` about `place`, and its match."""
    first = max(0, place - reach)
    around = speaker[first : place + len(piece) + reach]
    if len(around) < len(piece):
        return float(place), 0.0
    at, match = find(piece, around)
    return first + _peak(piece, around, at), match


def _peak(piece: Audio, around: Audio, at: int) -> float:
    """Refine a correlation's peak by a parabola through its neighbours."""
    if not 0 < at < len(around) - len(piece):
        return float(at)
    low, top, high = (
        float(np.dot(piece, around[i : i + len(piece)])) for i in (at - 1, at, at + 1)
    )
    bend = low - 2 * top + high
    return at + (0.5 * (low - high) / bend if bend else 0.0)


def place(microphone: Audio, noisy: Audio, near: int | None = None) -> int | None:
    """Return where in the repeated `noisy` loop `microphone` begins; None if it is no part of it.

    At its ends the recording holds silence, and a sound server may lose frames. Looks at frame
    `near` first: to search the whole loop takes seconds.
    """
    if near is not None:
        there = noisy[(near + np.arange(len(microphone))) % len(noisy)]
        if np.corrcoef(there, microphone)[0, 1] > 0.999:
            return near % len(noisy)
    at, match = find(microphone, np.tile(noisy, 2 + len(microphone) // len(noisy)))
    return at % len(noisy) if match > 0.999 else None
