"""Formants move, pitch does not; a factor of 1 changes nothing."""

from __future__ import annotations

import torch

from train.mixing.synthetic_noise import Draw
from train.mixing.voices import FACTORS, draw_factors, effort, move_formants

RATE = 48_000


def vowel(pitch: float = 120.0, formant: float = 1000.0) -> torch.Tensor:
    """Two seconds of harmonics under one formant, 200 Hz wide."""
    time = torch.arange(2 * RATE) / RATE
    harmonics = torch.arange(1, 60)[:, None] * pitch
    gain = 1 / (1 + ((harmonics - formant) / 200) ** 2)
    return (gain * torch.sin(2 * torch.pi * harmonics * time)).sum(0) * 0.05


def spectrum(sound: torch.Tensor) -> torch.Tensor:
    """Power of the second in the middle, in bins of 1 Hz."""
    middle = sound[..., RATE // 2 : 3 * RATE // 2]
    return torch.fft.rfft(middle * torch.hann_window(RATE)).abs().square()


def test_formants_move_and_the_pitch_stays():
    for factor in (0.85, 1.0, 1.18):
        power = spectrum(move_formants(vowel()[None], torch.tensor([factor]))[0])
        harmonics = power[: 120 * 30].unflatten(0, (30, 120)).sum(-1)
        on_pitch = sum(power[120 * k - 2 : 120 * k + 3].sum() for k in range(1, 30))
        assert on_pitch > 0.98 * power.sum()
        near = slice(500, 1700)  # the strongest part
        centre = (power * torch.arange(len(power)))[near].sum() / power[near].sum()
        assert abs(centre - 1000 * factor) < 60, (factor, float(centre))
        assert harmonics.argmax() > 4


def test_a_factor_of_one_changes_nothing():
    voice = torch.stack([vowel(), vowel(200, 700)])
    torch.testing.assert_close(move_formants(voice, torch.ones(2)), voice, atol=1e-5, rtol=0)


def test_silence_stays_silent_and_finite():
    voice = torch.zeros(1, RATE)
    voice[0, RATE // 2 :] = vowel()[: RATE // 2]
    moved = move_formants(voice, torch.tensor([1.1]))
    assert moved.isfinite().all() and moved[0, : RATE // 2 - 2000].abs().max() < 1e-6


def test_factors_and_tilts_keep_to_their_ranges():
    factors = draw_factors(Draw(0), 1000)
    low, high = FACTORS
    assert low <= factors.min() < low + 0.01 and high - 0.01 < factors.max() <= high
    gain = 20 * effort(Draw(0), 500, 24_001).log10()
    assert gain[:, 1000].abs().max() < 1e-4
    octave = gain[:, 2000] - gain[:, 1000]
    assert octave.abs().max() <= 3 and octave.std() > 1
