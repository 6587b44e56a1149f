"""Rumble and cuts of a recording: in clips without noise only, faint, and in the target as well."""

import dataclasses

import pytest
import torch

from train.mixing.floors import cut_free
from train.mixing.modulation import low_noise
from train.mixing.recipe import PLAIN, Recipe
from train.mixing.synthetic_noise import Draw

RATE = 48_000
CLEAN = torch.tensor([True, False] * 8)


def words() -> torch.Tensor:
    """A tone of 1 kHz at full scale with a faint hiss, [16, 2.4 s]."""
    time = torch.arange(120 * 960) / RATE
    hiss = 1e-3 * torch.randn(16, len(time), generator=torch.Generator().manual_seed(0))
    return torch.sin(2 * torch.pi * 1000 * time) + hiss


def cut(**shares: float) -> tuple[torch.Tensor, torch.Tensor]:
    before = words()
    after = before.clone()
    cut_free(Draw(3), after, CLEAN, Recipe.of(dataclasses.asdict(PLAIN) | shares))
    assert (after[~CLEAN] == before[~CLEAN]).all()
    return before[CLEAN], after[CLEAN]


def test_recordings_without_noise_are_left_alone_by_default():
    before, after = cut()
    assert (before == after).all()


def test_rumble_of_a_recording_is_faint_and_low():
    before, after = cut(own_rumble=1)
    rumble = after - before
    level = 20 * torch.log10(rumble.std(-1) / before.std(-1))
    assert (level > -36).all() and (level < -14).all() and level.std() > 1
    power = torch.fft.rfft(rumble).abs().square()
    low = power[:, : 100 * rumble.shape[1] // RATE].sum(-1) / power.sum(-1)
    assert (low > 0.95).all()


def test_a_cut_is_a_pause_of_digital_silence():
    _, after = cut(gated=1)
    silent = (after == 0).sum(-1) / RATE
    assert (silent > 0.1).sum() >= 6 and (silent < 1.3).all()  # some pauses run over the end


def test_low_noise_has_no_offset():
    sound = low_noise(Draw(0), 4, 96_000)
    assert sound.mean(-1).abs().max() == pytest.approx(0, abs=1e-6)
