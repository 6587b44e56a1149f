"""A recording's own hiss goes, its voice stays."""

from __future__ import annotations

import numpy as np
import soundfile as sf
import torch

from train.corpus import Corpus, pack
from train.hiss import without_hiss

RATE = 48_000


def band(seed: int, low: float, high: float, seconds: float = 3.0) -> np.ndarray:
    """Noise of level 1 between two frequencies."""
    frames = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(frames))
    frequency = np.fft.rfftfreq(frames, 1 / RATE)
    spectrum[(frequency < low) | (frequency > high)] = 0
    audio = np.fft.irfft(spectrum)
    return audio / audio.std()


def level(audio: np.ndarray, low: float = 0, high: float = 24_000) -> float:
    """Level in dB between two frequencies."""
    spectrum = np.fft.rfft(audio * np.hanning(len(audio)))
    frequency = np.fft.rfftfreq(len(audio), 1 / RATE)
    power = np.abs(spectrum[(frequency >= low) & (frequency <= high)]) ** 2
    return 10 * np.log10(2 * power.sum() / len(audio) ** 2 / 0.375 + 1e-12)


SPEAKS = (np.sin(np.arange(3 * RATE) / RATE * 2 * np.pi) > 0).astype(float)  # half of each second
VOICE = 0.1 * SPEAKS * band(0, 200, 12_000)
HISS = 1e-4 * band(1, 8_500, 20_000) + 1e-3 * band(2, 500, 6_000)
PAUSE, WORD = slice(26_000, 46_000), slice(50_000, 70_000)


def test_hiss_goes_and_speech_stays():
    recorded = VOICE + HISS
    cleaned = without_hiss(torch.from_numpy(recorded).float()).numpy()
    assert level(recorded[PAUSE], 9_000) > -81
    assert level(cleaned[PAUSE], 9_000) < -101
    assert level(cleaned[PAUSE]) > -61  # below 7.5 kHz it is still heard
    assert abs(level(cleaned[WORD], 9_000) - level(recorded[WORD], 9_000)) < 0.1
    assert level((recorded - cleaned)[PAUSE], 0, 7_000) < -110
    assert level((recorded - cleaned)[WORD], 0, 7_000) < -90


def test_what_says_nothing_of_hiss_is_left():
    for audio in (torch.zeros(RATE), 0.1 * torch.randn(4_000), torch.zeros(0)):
        assert torch.equal(without_hiss(audio), audio)


def test_speech_to_train_on_is_packed_without_and_validation_as_it_is(tmp_path):
    names = ("anna", "bert", "cleo", "dora", "emil", "fred")
    recorded = np.round((VOICE + 0.002 * band(1, 8_500, 20_000)) * 2**15)
    for name in names:
        (tmp_path / "in/clean" / name).mkdir(parents=True)
        sf.write(tmp_path / "in/clean" / name / "a.wav", recorded.astype(np.int16), RATE)
    pack(tmp_path / "in", tmp_path / "out", validation=0.5)
    pack(tmp_path / "in", tmp_path / "kept", validation=0.5, keep_hiss=True)
    train, held = (Corpus.load(tmp_path / "out" / side).clean for side in ("train", "validation"))
    assert len(train) and len(held) and len(train) + len(held) == len(names)
    for clips, same in ((train, False), (held, True)):
        samples = clips.samples.numpy().reshape(len(clips), -1)
        assert all(np.array_equal(x, recorded) == same for x in samples)
    kept = Corpus.load(tmp_path / "kept/train").clean.samples.numpy().reshape(len(train), -1)
    assert (kept == recorded).all()
