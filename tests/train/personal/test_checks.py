"""Bad recordings are told with their figure and their mend, good ones pass."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.train.personal.voice import RATE, voice
from train.checkpoint import load_network
from train.data import Clip
from train.personal.checks import Figures, check_noise, check_voice, measure
from train.personal.command import BUNDLED
from train.personal.material import Recordings
from train.personal.pitch import two_pitches

VOICE = Figures(level=-20, active=70, clipped=1e-5, silent=0, snr=25, kept=-0.4, low=0.55)
NOISE = Figures(level=-45, active=60, clipped=0, silent=0, snr=-10, kept=-12, low=0.1)


def recordings(audio: np.ndarray) -> Recordings:
    samples = np.round(audio * 32767).astype(np.int16)
    return Recordings(samples, [Clip("a.wav", "--voice", length=len(samples))], [])


@pytest.fixture(scope="module")
def network():
    return load_network(BUNDLED)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return voice(8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"active": 23}, "holds 23 s of speech, at least 60 s are needed: record about two"),
        ({"snr": 8}, "is noisy (8 dB of speech over noise, at least 15 dB are needed)"),
        ({"clipped": 0.02}, "is clipped (2.0 % of the samples at the limit): turn the microphone"),
        ({"kept": -9}, "rather like music or noise (-9 dB of it kept as speech"),
        ({"low": 0.1}, "rather like music or noise"),
        ({"level": -95}, "is silent (loud parts at -95 dBFS): is it muted?"),
    ],
)
def test_each_problem_of_a_voice_has_a_figure_and_a_mend(change, message, speech):
    (problem,) = check_voice(recordings(speech), dataclasses.replace(VOICE, **change))
    assert message in problem.text and "\n" not in problem.text
    assert problem.doubtful == (not change.keys() & {"active", "level"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": -95}, "is silent (loud parts at -95 dBFS)"),
        ({"silent": 0.6}, "digital silence for 60 % of its time: switch the noise suppression"),
        ({"kept": -0.5, "low": 0.55}, "sounds like speech (-0 dB of it kept"),
    ],
)
def test_each_problem_of_a_room_has_a_figure_and_a_mend(change, message):
    room = recordings(np.full(40 * RATE, 0.01, np.float32))
    (problem,) = check_noise(room, dataclasses.replace(NOISE, **change))
    assert message in problem.text
    short = recordings(np.full(12 * RATE, 0.01, np.float32))
    (problem,) = check_noise(short, NOISE)
    assert problem.text.startswith("lasts 12 s, at least 30 s are needed") and not problem.doubtful
    assert not list(check_noise(room, NOISE))


def test_the_figures_tell_a_voice_from_noise_music_and_clipping(network, speech):
    found = measure(speech, network)
    assert not list(check_voice(recordings(speech), dataclasses.replace(found, active=60))), found
    assert 4 < found.active < 8 and found.level > -30

    rng = np.random.default_rng(1)
    noise = rng.standard_normal(len(speech)).astype("f")
    power = np.sqrt(np.mean(speech**2) / np.mean(noise**2))
    noisy = measure(speech + noise * power * 10 ** (-8 / 20), network)
    assert noisy.snr < 12 < found.snr - 3
    assert measure(np.clip(4 * speech, -0.2, 0.2), network).clipped > 3e-3

    time = np.arange(len(speech)) / RATE
    chord = sum(np.sin(2 * np.pi * f * time) for f in (220, 277, 330, 440)).astype("f")
    steady = dataclasses.replace(measure(0.05 * chord, network), active=60)
    assert "music" in next(check_voice(recordings(speech), steady)).text
    room = measure(0.02 * noise, network)
    assert room.kept < -6 and not list(check_noise(recordings(np.tile(noise, 4)), room))


def test_voices_of_two_pitches_are_told_and_one_that_varies_is_not():
    low, high = voice(24, 110), voice(24, 200, seed=1)
    found = two_pitches(np.concatenate([low, high]))
    assert found and abs(found[0] - 110) < 12 and abs(found[1] - 200) < 20
    assert two_pitches(low) is None and two_pitches(high) is None
    assert two_pitches(low[: RATE // 100]) is None
    mixed = recordings(np.concatenate([low, high]))
    (problem,) = check_voice(mixed, VOICE)
    assert "may hold several voices (pitches of 1" in problem.text
