"""Tones: a few narrow partials that start, stop and change, and no aliases."""

from __future__ import annotations

import torch

from rtdenoise.constants import SAMPLE_RATE
from train.mixing.modulation import shift_frequencies
from train.mixing.synthetic_noise import Draw, stationary
from train.mixing.tonal_noise import calls, tones

LENGTH = 3 * SAMPLE_RATE


def test_tones_are_narrow_and_noise_is_not():
    def share_of_strongest_bins(sound: torch.Tensor) -> torch.Tensor:
        window = torch.hann_window(4096)
        power = torch.stft(sound, 4096, 4096, window=window, return_complex=True).abs().square()
        strongest = power.sort(1, descending=True).values[:, :100].sum(1)  # of 2049 bins
        return (strongest.sum(-1) / power.sum((1, 2))).median()

    assert share_of_strongest_bins(tones(Draw(1), 12, LENGTH)) > 0.98
    assert share_of_strongest_bins(stationary(Draw(1), 12, LENGTH)) < 0.9


def test_notes_change_and_clips_differ_and_a_seed_repeats():
    sound = tones(Draw(2), 12, LENGTH)
    assert sound.shape == (12, LENGTH) and sound.isfinite().all()
    assert torch.equal(sound, tones(Draw(2), 12, LENGTH))
    level = sound.unflatten(1, (-1, 4800)).square().mean(-1).sqrt()
    assert (level.amax(1) > 0.01).sum() >= 10  # rests may fill a clip, but seldom
    changing = level.amax(1) / level.amin(1).clamp(min=1e-9) > 1.5
    assert 4 <= changing.sum()
    peaks = torch.fft.rfft(sound).abs().argmax(1)
    assert len(set(peaks.tolist())) >= 10


def test_no_partial_passes_half_the_sample_rate():
    """A partial above it would come back as a tone that belongs to no note."""
    for synthesise in (tones, calls):
        sound = synthesise(Draw(3), 24, LENGTH) * torch.hann_window(LENGTH)
        spectrum = torch.fft.rfft(sound).abs()
        top = int(spectrum.shape[1] * 0.95)
        assert (spectrum[:, top:].amax(1) < 0.003 * spectrum.amax(1)).all()


def test_calls_are_pulses_whose_pitch_moves_and_none_is_silent():
    sound = calls(Draw(5), 32, LENGTH)
    assert sound.shape == (32, LENGTH) and sound.isfinite().all()
    assert torch.equal(sound, calls(Draw(5), 32, LENGTH))
    assert (sound.square().mean(-1) > 0).all()
    assert (calls(Draw(6), 64, LENGTH // 12).square().mean(-1) > 0).all()  # however short
    window = torch.hann_window(8192)
    power = torch.stft(sound, 8192, 4096, window=window, return_complex=True).abs().square()
    lines = power > 0.01 * power.amax(1, keepdim=True)
    loud = power.sum(1) > 0.1 * power.sum(1).amax(-1, keepdim=True)
    partials = (lines[:, 1:] & ~lines[:, :-1]).sum(1)  # of each frame
    assert 3 <= partials[loud].float().mean() <= 40
    peaks = power.argmax(1).float()
    heard = [row[at] for row, at in zip(peaks, loud, strict=True)]
    moving = torch.stack([peak.std() / peak.mean() for peak in heard])
    assert (moving > 0.02).float().mean() > 0.5


def test_frequencies_are_moved_and_nothing_comes_round():
    time = torch.arange(LENGTH) / SAMPLE_RATE
    sound = (torch.sin(2 * torch.pi * 2000 * time) + torch.sin(2 * torch.pi * 4000 * time))[None]
    moved = shift_frequencies(Draw(4), sound.repeat(20, 1))
    spectrum = torch.fft.rfft(moved * torch.hann_window(LENGTH)).abs()
    hertz = spectrum.topk(2, dim=1).indices.sort(1).values * SAMPLE_RATE / LENGTH
    shifts = hertz - torch.tensor([2000.0, 4000.0])
    assert torch.allclose(shifts[:, 0], shifts[:, 1], atol=1)  # not multiples of one pitch any more
    assert (shifts.abs().amax(1) < 1001).all() and (shifts.abs().amin(1) > 28).all()
    assert (shifts[:, 0] > 0).any() and (shifts[:, 0] < 0).any()
    low = torch.sin(2 * torch.pi * 20 * time)[None].repeat(20, 1)
    level = shift_frequencies(Draw(4), low).square().mean(1).sqrt()
    gone = shifts[:, 0] < 0
    assert (level[gone] < 0.02).all() and (level[~gone] > 0.7).all()
