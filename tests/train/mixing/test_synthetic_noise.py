"""Synthesised noise."""

from __future__ import annotations

import torch

from train.mixing.synthetic_noise import Draw, keys, stationary


def test_typing_is_strokes_with_pauses_and_a_fan_has_none():
    def loud_frames(sound) -> torch.Tensor:
        power = sound.unflatten(-1, (-1, 480)).square().mean(-1)
        return (power > 0.01 * power.amax(-1, keepdim=True)).float().mean(-1)

    typed, fan = keys(Draw(2), 16, 144_000), stationary(Draw(2), 16, 144_000)
    assert loud_frames(typed).median() < 0.3 < 0.9 < loud_frames(fan).min()
    onsets = typed.unflatten(-1, (-1, 480)).square().mean(-1)
    strokes = onsets[:, 1:] > 10 * onsets[:, :-1] + 0.01 * onsets.amax(-1, keepdim=True)
    assert 1 < strokes.float().sum(-1).mean() / 3 < 20  # a second; releases are heard as well
