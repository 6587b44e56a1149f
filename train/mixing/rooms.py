"""Room impulse responses: recorded, and shoebox rooms by the image method with a diffuse tail."""

from __future__ import annotations

import torch
from torch import Tensor

from rtdenoise.constants import SAMPLE_RATE

from ..data import Bank

SPEED_OF_SOUND = 343.0  # m/s
ORDER = 6  # reflections along each axis; enough for the first 80 ms of a living room
ROOMS = 64  # synthesised rooms beside the recorded ones
EARLY = int(0.1 * SAMPLE_RATE)  # samples after the direct sound that the target keeps


def responses_of(bank: Bank, length: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return synthesised and recorded responses [rooms, length], and the early part of them.

    Each begins with its direct sound and has a peak of 1.
    """
    responses = shoebox(ROOMS, length, torch.Generator().manual_seed(seed))
    for clip in bank.clips:
        room = bank.samples[clip.start : clip.start + min(clip.length, length)].float().cpu()
        room = room[int(room.abs().argmax()) :]
        padded = torch.nn.functional.pad(room, (0, length - len(room)))
        responses = torch.cat([responses, padded[None]])
    responses = responses / responses.abs().amax(-1, keepdim=True)
    early = responses.clone()
    early[:, EARLY:] *= torch.exp(-torch.arange(length - EARLY) / (0.03 * SAMPLE_RATE))
    return responses, early


def shoebox(count: int, length: int, generator: torch.Generator) -> Tensor:
    """Draw `count` rooms and return their responses [count, length], direct sound at 0, level 1.

    Images: Allen and Berkley, J. Acoust. Soc. Am. 65 (1979) 943. Beyond their reach the response
    continues as noise with the room's decay (Sabine's RT60).
    """

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    responses = torch.zeros(count, length)
    grid = torch.arange(-ORDER, ORDER + 1).float()
    index = torch.cartesian_prod(grid, grid, grid)  # [images, 3]
    for response in responses:
        size = torch.stack([draw(2.5, 9), draw(2.5, 7), draw(2.3, 3.5)])
        source, microphone = draw(0.1, 0.9, 3) * size, draw(0.1, 0.9, 3) * size
        reflection = draw(0.5, 0.93)
        odd = index % 2
        images = 2 * size * torch.div(index + odd, 2, rounding_mode="floor")
        images = images + torch.where(odd > 0, -source, source)
        distance = (images - microphone).norm(dim=-1).clamp(min=0.1)
        delay = (distance - distance.min()) / SPEED_OF_SOUND * SAMPLE_RATE
        gain = reflection ** index.abs().sum(-1) * distance.min() / distance
        keep = delay < length - 1
        response.index_add_(0, delay[keep].long(), gain[keep])
        _add_tail(response, size, float(reflection), generator)
    return responses


def _add_tail(response: Tensor, size: Tensor, reflection: float, generator) -> None:
    """Continue the images (which thin out after about 60 ms) by decaying noise."""
    volume, area = size.prod(), 2 * (size[0] * size[1] + size[1] * size[2] + size[0] * size[2])
    rt60 = 0.161 * volume / (area * (1 - reflection**2))  # s
    start, level_at = int(0.06 * SAMPLE_RATE), response[int(0.03 * SAMPLE_RATE) : int(0.06 * 48000)]
    level = level_at.square().mean().sqrt()
    seconds = torch.arange(len(response) - start) / SAMPLE_RATE
    decay = 10 ** (-3 * (seconds + 0.015) / rt60)
    response[start:] += level * decay * torch.randn(len(decay), generator=generator)
