"""Noisy speech, and what should have happened to it after denoising."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import soxr

ROOT = Path(__file__).parents[2]


def noisy_speech(rate: int, seconds: float = 3.0) -> np.ndarray:
    """Return the beginning of the example as int16 [frames]."""
    audio, source = sf.read(ROOT / "examples/noisy.wav", dtype="float32")
    audio = soxr.resample(audio[: round(seconds * source)], source, rate)
    return (audio * 32767).astype(np.int16)


def example(name: str) -> dict[str, Any]:
    """Return the names that an example script defines."""
    return runpy.run_path(str(ROOT / "examples" / name))


def level_changes(noisy: np.ndarray, clean: np.ndarray, rate: int) -> tuple[float, float]:
    """Return by how many dB the quiet parts and the loud parts have changed."""
    quiet, loud = levels(clean, rate) - levels(noisy, rate)
    return quiet, loud


def levels(audio: np.ndarray, rate: int) -> np.ndarray:
    step = rate // 50
    frames = audio[: len(audio) // step * step].astype(float).reshape(-1, step)
    energy = np.sort(np.mean(frames**2, axis=1) + 0.1)
    tenth = len(energy) // 10
    return 10 * np.log10([energy[:tenth].mean(), energy[-tenth:].mean()])


def largest_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of two recordings, shifted so that they fit best."""
    spectra = [np.fft.rfft(x.astype(float), len(one) + len(other)) for x in (one, other)]
    product = np.fft.irfft(spectra[0] * np.conj(spectra[1]))
    energies = [np.sum(x.astype(float) ** 2) for x in (one, other)]
    return float(product.max() / np.sqrt(energies[0] * energies[1]))
