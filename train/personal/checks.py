"""Checks of the user's recordings, before any training: each problem with its figure and its mend.

The bundled network serves as the measure. What it keeps of a recording is speech, what it removes
is noise; on held-out voices (without and with known noise) that tells the noise to within 3 dB up
to 20 dB.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rtdenoise.constants import SAMPLE_RATE

from ..networks import DenoisingNetwork, one_pass
from .material import FRAME, Audio, Recordings
from .pitch import GAP, two_pitches

LEAST_SPEECH, LEAST_NOISE = 60.0, 30.0  # seconds
ACTIVE = 25.0  # dB below the loud frames; fainter ones are pauses
LEAST_SNR = 15.0  # dB: what a target may hold of noise
MOST_CLIPPED = 1e-3  # of the speech's samples within 3 % of the largest; usual: 1e-5 to 1e-4
PEAK = 0.97  # of the largest sample
KEPT = -6.0  # dB: voices keep -0.5 dB of their power, music -9 dB and less
# Share of frames with less than half of the mean power of their second: speech has 0.5 to 0.6,
# music and engines 0.3 and less (Scheirer and Slaney, ICASSP 1997).
LEAST_LOW, LOW_OF_SPEECH = 0.35, 0.45
MOST_KEPT = -3.0  # dB that the network keeps of a room's noise
FAINT = -80.0  # dBFS of loud frames: nothing was recorded
MOST_SILENT = 0.3  # of the frames of a room: a noise gate cut them out
SECOND = SAMPLE_RATE // FRAME  # frames
PIECE, CHECKED = 20 * SAMPLE_RATE, 9  # samples, and number, of the pieces that are denoised


@dataclasses.dataclass(frozen=True)
class Problem:
    """A line with figure and mend. `--anyway` overrides those that are `doubtful`."""

    text: str
    doubtful: bool = True


@dataclasses.dataclass(frozen=True)
class Figures:
    """What is measured on a recording; powers and levels of its 20 ms frames."""

    level: float  # dBFS, 95th percentile of the frames
    active: float  # seconds within ACTIVE dB of it
    clipped: float  # share of the active samples within 3 % of the largest
    silent: float  # share of frames that are digital silence
    snr: float  # dB, by the network
    kept: float  # dB of the power, by the network
    low: float  # share of frames with less than half of their second's power


def measure(audio: Audio, network: DenoisingNetwork) -> Figures:
    """Measure a recording [samples]; only parts of a long one go through the network."""
    power = frame_power(audio)
    levels = 10 * np.log10(power)
    level = float(np.percentile(levels, 95))
    active = levels > level - ACTIVE
    near = np.count_nonzero(np.abs(audio) > PEAK * np.abs(audio).max())
    parts = [(part, one_pass(network, part)) for part in _pieces(audio)]
    before, after, removed = (
        np.concatenate([frame_power(x) for x in column])
        for column in zip(*((a, b, a - b) for a, b in parts), strict=True)
    )
    loud = 10 * np.log10(before) > level - ACTIVE
    seconds = power[: len(power) // SECOND * SECOND].reshape(-1, SECOND)
    return Figures(
        level=level,
        active=float(active.sum()) / SECOND,
        clipped=near / max(1, int(active.sum()) * FRAME),
        silent=float(np.mean(power <= 1e-11)),
        snr=_decibel(after[loud].sum() / removed[loud].sum()),
        kept=_decibel(after.sum() / before.sum()),
        low=float((seconds < 0.5 * seconds.mean(axis=1, keepdims=True)).mean()),
    )


def check_voice(voice: Recordings, found: Figures) -> Iterator[Problem]:
    """Yield what is wrong with the recording of a voice."""
    if found.level < FAINT:
        yield Problem(f"is silent (loud parts at {found.level:.0f} dBFS): is it muted?", False)
        return
    if found.active < LEAST_SPEECH:
        yield Problem(
            f"holds {found.active:.0f} s of speech, at least {LEAST_SPEECH:.0f} s are needed: "
            "record about two minutes",
            False,
        )
    if found.kept < KEPT or found.low < LEAST_LOW:
        yield Problem(
            f"does not sound like speech, rather like music or noise ({found.kept:.0f} dB of it "
            f"kept as speech, {100 * found.low:.0f} % of it faint): give one voice alone"
        )
        return
    if found.clipped > MOST_CLIPPED:
        yield Problem(
            f"is clipped ({100 * found.clipped:.1f} % of the samples at the limit): "
            "turn the microphone down and record again"
        )
    if found.snr < LEAST_SNR:
        yield Problem(
            f"is noisy ({found.snr:.0f} dB of speech over noise, at least {LEAST_SNR:.0f} dB are "
            "needed): record close to the microphone in a quiet room"
        )
    elif pitches := two_pitches(voice.audio):
        yield Problem(
            f"may hold several voices (pitches of {pitches[0]:.0f} and {pitches[1]:.0f} Hz, more "
            f"than {GAP:.0f} semitones apart): give one voice alone"
        )


def check_noise(noise: Recordings, found: Figures) -> Iterator[Problem]:
    """Yield what is wrong with the recording of a room's noise."""
    if noise.seconds < LEAST_NOISE:
        yield Problem(
            f"lasts {noise.seconds:.0f} s, at least {LEAST_NOISE:.0f} s are needed: "
            "record about one minute",
            False,
        )
    if found.level < FAINT:
        yield Problem(
            f"is silent (loud parts at {found.level:.0f} dBFS): there is no noise to learn", False
        )
        return
    if found.silent > MOST_SILENT:
        yield Problem(
            f"is digital silence for {100 * found.silent:.0f} % of its time: "
            "switch the noise suppression of the microphone off and record again"
        )
    if found.kept > MOST_KEPT and found.low > LOW_OF_SPEECH:
        yield Problem(
            f"sounds like speech ({found.kept:.0f} dB of it kept as speech, at most "
            f"{MOST_KEPT:.0f} dB is usual): record the room while nobody talks"
        )


def frame_power(audio: Audio) -> NDArray[np.float64]:
    """Return the mean square of each 20 ms frame, never zero."""
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME)
    return np.square(frames.astype(np.float64)).mean(axis=1) + 1e-12


def _pieces(audio: Audio) -> Iterator[Audio]:
    starts = range(0, max(1, len(audio) - FRAME), PIECE)
    step = -(-len(starts) // CHECKED)
    for start in itertools.islice(starts, 0, None, step):
        yield audio[start : start + PIECE]


def _decibel(ratio: float) -> float:
    return float(10 * np.log10(max(ratio, 1e-12)))
