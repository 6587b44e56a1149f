"""What is measured on one mixture by one system."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from rtdenoise.compare import si_sdr, speech_metrics
from rtdenoise.constants import SAMPLE_RATE

from ..quality import log_spectral_distance, opinion
from .band_errors import errors_by_band, errors_by_level
from .cuts import cut_word, voice_after_cut
from .levels import Audio, band, decibel, gain, noise_level, speech_level
from .mixtures import Mixture
from .pauses import (
    insert_lead,
    insert_pause,
    noise_in_lead,
    noise_in_pause,
    voice_after_lead,
    voice_after_pause,
)
from .systems import Denoise, System, load

Scores = dict[str, float]
# Of the measures below; cached scores of other versions are not used.
VERSIONS = {"scores": 2, "robustness": 4, "extremes": 2, "opinions": 1, "pauses": 1, "leads": 1}
METRICS = {"pesq": "PESQ-WB", "estoi": "ESTOI", "si_sdr": "SI-SDR dB", "lsd": "LSD 8-20 kHz dB"}
FULL_BAND = 15_000.0  # Hz that speech needs for the distance above 8 kHz to mean something
ERRORS_UP_TO = 0  # dB of SNR
GAINS = (6, 0, -20, -30, -40, -50, -60)  # dB
RUMBLE, RUMBLES = (10.0, 50.0), (-20, 0, 10, 20)  # Hz; dB above the voice
OFFSET = 0.3  # of full scale
SETTLING = SAMPLE_RATE // 2  # samples


def scores(denoise: Denoise, mixture: Mixture) -> Scores:
    """Return METRICS, and at low SNR the errors by band and by level."""
    clean, estimate = mixture.clean, denoise(mixture.noisy)
    full_band = mixture.bandwidth >= FULL_BAND
    found = speech_metrics(clean, estimate)
    found["lsd"] = log_spectral_distance(clean, estimate) if full_band else math.nan
    if mixture.snr <= ERRORS_UP_TO:
        found |= errors_by_band(clean, estimate, mixture.bandwidth)
        found |= errors_by_level(clean, estimate)
    return found


def robustness(denoise: Denoise, mixture: Mixture) -> Scores:
    """Return what level, rumble and offset do to a system."""
    clean, noisy = mixture.clean, mixture.noisy
    found: Scores = {}
    for db in GAINS:
        estimate = denoise(noisy * gain(db))
        found[f"si_sdr at {db}"] = si_sdr(clean, estimate / gain(db))
        found[f"voice at {db}"] = _voice_gain(clean, estimate / gain(db))
    for db in RUMBLES:
        rumbling = noisy + rumble(len(noisy), speech_level(clean) + db)
        estimate = denoise(rumbling)
        found[f"rumble at {db}"] = _level(band(rumbling, *RUMBLE)) - _level(band(estimate, *RUMBLE))
        found[f"si_sdr with rumble at {db}"] = si_sdr(clean, estimate)
    found["si_sdr with offset"] = si_sdr(clean, denoise(noisy + np.float32(OFFSET)))
    return found


def extremes(denoise: Denoise, mixture: Mixture) -> Scores:
    """Return by how much noise alone goes down, and what is left of undegraded speech and words."""
    noise, undegraded = mixture.noisy - mixture.clean, denoise(mixture.clean)
    word = cut_word(mixture.clean)
    return {
        "noise alone": noise_level(noise[SETTLING:]) - noise_level(denoise(noise)[SETTLING:]),
        "pesq": speech_metrics(mixture.clean, undegraded)["pesq"],
        "si_sdr": si_sdr(mixture.clean, undegraded),
        "cut": voice_after_cut(word, denoise(word)),
    }


def opinions(denoise: Denoise, mixture: Mixture) -> Scores:
    """Return what DNSMOS predicts that listeners would say of the denoised mixture."""
    return opinion(denoise(mixture.noisy))


def pauses(denoise: Denoise, mixture: Mixture) -> Scores:
    """Return what is left of the noise in a pause, and how well the voice begins after it."""
    clean, noise = insert_pause(mixture.clean), mixture.noisy - mixture.clean
    estimate = denoise(clean + noise)
    return noise_in_pause(noise, estimate) | {"after": voice_after_pause(clean, estimate)}


def leads(denoise: Denoise, mixture: Mixture) -> Scores:
    """Return what is left of the noise before the first word, and how well that begins."""
    clean, noise = insert_lead(mixture.clean), mixture.noisy - mixture.clean
    estimate = denoise(clean + noise)
    return noise_in_lead(noise, estimate) | {"first": voice_after_lead(clean, estimate)}


def rumble(length: int, level: float) -> Audio:
    """Return noise of RUMBLE Hz [length] at `level` dBFS, the same every time."""
    noise = np.random.default_rng(50).standard_normal(length).astype(np.float32)
    noise = band(noise, *RUMBLE)
    return noise * gain(level - _level(noise))


def _level(audio: Audio) -> float:
    return float(decibel(np.square(audio.astype(np.float64)).mean()))


def _voice_gain(clean: Audio, estimate: Audio) -> float:
    """Return the gain of the voice in dB, by projection on the clean clip."""
    share = float(np.dot(estimate, clean)) / float(np.dot(clean, clean))
    return float(decibel(max(share, 1e-6) ** 2))


MEASURES: dict[str, Callable[[Denoise, Mixture], Scores]] = {
    "scores": scores,
    "robustness": robustness,
    "extremes": extremes,
    "opinions": opinions,
    "pauses": pauses,
    "leads": leads,
}


def measure(task: tuple[str, System, Mixture]) -> Scores:
    """Run one of MEASURES for a system and a mixture."""
    name, system, mixture = task
    return MEASURES[name](load(system), mixture)


def start_worker() -> None:
    """Keep a worker process to one thread."""
    torch.set_num_threads(1)
