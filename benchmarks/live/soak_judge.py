"""Judges a long live run: compares the speaker with the file path's result for the microphone.

microphone -> file path -> expected
speaker -> aligned, following its lag as it drifts -> heard      expected ~ heard?
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, median_filter

from rtdenoise import Denoiser, RtdenoiseError
from rtdenoise.compare import si_sdr
from rtdenoise.live import find_signal

from .rig import RATE

Audio = NDArray[np.float32]
WINDOW = 10 * RATE  # frames compared at once
PIECE, STEP = RATE // 5, RATE // 10  # frames: length and spacing of the pieces of a lag track
SEARCH = RATE // 16  # frames: how far a piece's lag may be from the last one ...
SEARCH_NEAR = RATE // 1000  # ... and where to look first, because a voice repeats itself
MARGIN = 0.15  # how much better the match further away must be
FRAME = RATE // 200  # frames (5 ms) in which audio may be lost: half a block of the devices
LOST = 0.1  # ratio of the heard to the expected level below which a frame is lost
JUMP = RATE // 500  # frames: a lag that moves so far in a second means lost or inserted audio
AUDIBLE = 1e-3  # frames with a lower level are ignored
SILENT = 1e-5  # a higher level is no gap, but a gain of the network
SECOND = 10  # pieces; a lag counts by its median over a second, because a jump lasts
MIN_MATCH = 0.7  # normalised correlation for a piece of a lag track
SAME = 0.999  # normalised correlation for audio that is identical


def judge(raw: Path, noisy: Audio | None = None, clean: Audio | None = None) -> dict[str, Any]:
    """Compare microphone and speaker, recorded in `raw`, in windows of ten seconds.

    If the loop that was played is given (`noisy` and `clean`, [frames]), the live path and the file
    path are also compared with the clean recording. Raises RtdenoiseError if there is no window.
    """
    data = np.memmap(raw, np.float32, "r")
    both = data[: len(data) // 2 * 2].reshape(-1, 2)
    denoiser, rows, position = Denoiser(provider="cpu"), list[dict[str, Any]](), None
    for start in range(2 * RATE, len(both) - WINDOW - RATE, WINDOW):
        # Start a second early: the network in the live run has heard that audio too.
        microphone = np.array(both[start - RATE : start + WINDOW, 0])
        expected = denoiser(microphone, RATE)[RATE:]
        if np.abs(expected).max() < 1e-4:
            continue
        speaker = np.array(both[start : start + WINDOW + RATE // 2, 1])
        reference = None
        if noisy is not None and clean is not None:
            near = None if position is None else position + WINDOW
            position = locate_in_loop(microphone[RATE:], noisy, near)
            if position is not None:
                reference = clean[(position + np.arange(WINDOW)) % len(clean)]
        row = _compare(expected, speaker, reference)
        if rows and abs(row["begins"] - rows[-1]["ends"]) > 2 * JUMP:
            row["dropouts"].insert(0, 0.0)  # between two windows
        row["dropouts"] = [start / RATE + second for second in row["dropouts"]]
        rows.append(row)
    if not rows:
        raise RtdenoiseError(
            f"{raw} holds no {WINDOW // RATE} s of sound to judge: record for longer, or louder"
        )
    return _summary(rows)


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    late = [row["late_ms"] for row in rows]
    si_sdrs = [row["si_sdr"] for row in rows]
    summary = {
        "windows": len(rows),
        "latency_start_ms": float(np.median(late[:6])),
        "latency_end_ms": float(np.median(late[-6:])),
        "latency_most_ms": max(late),
        "si_sdr_to_file_path_median": float(np.median(si_sdrs)),
        "si_sdr_to_file_path_worst": min(si_sdrs),
        "dropouts_at_s": [round(second, 2) for row in rows for second in row["dropouts"]],
        "late_ms": [round(value, 2) for value in late],
    }
    known = [row for row in rows if "live_si_sdr" in row]
    if known:
        for path in ("live", "file"):
            key = f"{path}_si_sdr"
            summary[f"{key}_to_clean"] = float(np.mean([row[key] for row in known]))
        losses = [row["file_si_sdr"] - row["live_si_sdr"] for row in known]
        summary["si_sdr_lost_live_worst"] = max(losses)
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
    """Return the times in s at which a loud 5 ms frame is lost, or the lag jumps and stays there.

    Frames are compared by level only. If the clocks drift, the hops of the live path and of the
    file path start at different samples, and so do the network's gains (SI-SDR of 18 to 28 dB).
    """
    level, heard_level = (x.reshape(-1, FRAME).std(axis=1) for x in (expected, heard))
    lost = (level > AUDIBLE) & (heard_level < np.minimum(LOST * level, SILENT))
    # A resampler at 500 ppm moves the lag by 24 frames per second; a lost block moves it further.
    track = np.pad(lag[::STEP], SECOND, mode="edge")
    medians = np.median(np.lib.stride_tricks.sliding_window_view(track, SECOND), axis=1)
    jumped = np.abs(medians[SECOND:] - medians[:-SECOND]) > JUMP
    return sorted([*(_events(lost) * FRAME / RATE), *(_events(jumped) * STEP / RATE)])


def _events(flags: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the middle index of each run of True."""
    edges = np.flatnonzero(np.diff(np.pad(flags, 1).astype(int)))
    return (edges[::2] + edges[1::2] - 1) / 2


def lag_track(expected: Audio, speaker: Audio) -> NDArray[np.float64]:
    """Return how many frames later each frame of `expected` is heard in `speaker`.

    The lag of each piece is found by correlation, to a fraction of a frame; between the pieces it
    is interpolated linearly.
    """
    lag, _ = find_signal(expected, speaker)
    centres, lags, last = [], [], float(lag)
    for start in range(0, len(expected) - PIECE + 1, STEP):
        piece = expected[start : start + PIECE]
        if np.std(piece) < 1e-3:
            continue
        guess = start + round(last)
        at, match = _find_near(piece, speaker, guess, SEARCH_NEAR)
        if match + MARGIN <= 1:  # otherwise no match can be so much better
            wider = _find_near(piece, speaker, guess, SEARCH)
            if wider[1] >= match + MARGIN:
                at, match = wider
        if match > MIN_MATCH:
            last = at - start
            centres.append(start + PIECE // 2)
            lags.append(last)
    if not lags:
        return np.full(len(expected), float(lag))
    return np.interp(np.arange(len(expected)), centres, median_filter(np.array(lags), 5))


def _find_near(piece: Audio, speaker: Audio, guess: int, reach: int) -> tuple[float, float]:
    """Return where `piece` is in `speaker`, within `reach` frames of `guess`, and its match."""
    first = max(0, guess - reach)
    around = speaker[first : guess + len(piece) + reach]
    if len(around) < len(piece):
        return float(guess), 0.0
    at, match = find_signal(piece, around)
    return first + _interpolate_peak(piece, around, at), match


def _interpolate_peak(piece: Audio, around: Audio, at: int) -> float:
    """Refine the peak of a correlation with a parabola through its neighbours."""
    if not 0 < at < len(around) - len(piece):
        return float(at)
    low, top, high = (
        float(np.dot(piece, around[i : i + len(piece)])) for i in (at - 1, at, at + 1)
    )
    curvature = low - 2 * top + high
    return at + (0.5 * (low - high) / curvature if curvature else 0.0)


def locate_in_loop(microphone: Audio, noisy: Audio, near: int | None = None) -> int | None:
    """Return where in the repeated `noisy` loop `microphone` starts; None if it is not in there.

    The recording starts and ends with silence, and a sound server may lose frames. Frame `near` is
    tried first, because a search of the whole loop takes seconds.
    """
    if near is not None:
        expected = noisy[(near + np.arange(len(microphone))) % len(noisy)]
        if np.corrcoef(expected, microphone)[0, 1] > SAME:
            return near % len(noisy)
    at, match = find_signal(microphone, np.tile(noisy, 2 + len(microphone) // len(noisy)))
    return at % len(noisy) if match > SAME else None
