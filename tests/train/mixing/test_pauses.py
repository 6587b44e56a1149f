"""Pauses between two words, and before the first one."""

from __future__ import annotations

import torch

from train.mixing.filters import PREROLL
from train.mixing.pauses import FRAME, LONGEST, SHORTEST, begin_late, insert_pauses
from train.mixing.synthetic_noise import Draw

RATE = 48_000


def words(gap: int = 40_000) -> torch.Tensor:
    """Four rows of 2.5 s: two words, and 0.1 s of near silence between them at `gap`."""
    sound = torch.rand(4, 120_000, generator=torch.Generator().manual_seed(0)) + 0.1
    sound[:, gap : gap + 4_800] = 1e-4
    return sound


def test_a_pause_of_silence_is_inserted_and_the_rest_comes_later():
    sound = words()
    for row, out in zip(sound, insert_pauses(Draw(1, "cpu"), sound), strict=True):
        silent = (out == 0).nonzero()[:, 0]
        begin, end = int(silent[0]), int(silent[-1])
        assert len(silent) == end - begin + 1  # one pause
        assert end == len(out) - 1 or SHORTEST <= (end - begin + FRAME) / RATE <= LONGEST
        assert torch.equal(out[: begin - FRAME], row[: begin - FRAME])
        later = row[begin - FRAME :][: len(out) - end]
        assert torch.equal(out[end + FRAME :], later[FRAME:])


def test_it_stands_between_words_where_they_are_near():
    sound = words(gap=30_000)
    begins = []
    for seed in range(20):
        out = insert_pauses(Draw(seed, "cpu"), sound)
        begins += [int((row == 0).nonzero()[0]) for row in out]
    near = [begin for begin in begins if 30_000 <= begin - FRAME <= 34_800]
    assert len(near) > 0.2 * len(begins)  # 0.35 of the drawn places lie within 0.4 s of the gap
    assert len(near) < len(begins)


def test_a_voice_begins_late_between_two_words():
    gap = PREROLL + 36_000
    sound, begins = words(gap), []
    for seed in range(20):
        out = begin_late(Draw(seed, "cpu"), sound)
        for row, kept in zip(sound, out, strict=True):
            begins.append(begin := int((kept == 0).nonzero()[-1]) + 1)
            assert (kept[: begin - 1] == 0).all()  # nothing comes before
            assert torch.equal(kept[begin + FRAME :], row[begin + FRAME :])
    after = (torch.tensor(begins) - PREROLL) / RATE
    assert after.min() >= 0 and after.max() < 1.65
    near = [begin for begin in begins if gap <= begin <= gap + 4_800]
    assert 0.4 * len(begins) < len(near)  # places between 0.4 and 1.2 s, the gap at 0.75 s
