"""Room impulse responses."""

from __future__ import annotations

import torch

from train.mixing.rooms import shoebox


def test_rooms_start_with_the_direct_sound_and_decay():
    rooms = shoebox(8, 24_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(rooms[:, 0], torch.ones(8))
    early, late = rooms[:, :4800].square().sum(-1), rooms[:, -4800:].square().sum(-1)
    assert torch.all(late < 0.1 * early)
