"""The diffusion-style timestep embedding."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sinusoidal_embedding(t: Tensor, dimension: int) -> Tensor:
    """Embed timesteps [batch] as [batch, dimension]: sines, then cosines.

    Frequencies fall geometrically from 1 to 1/10000 (Vaswani et al., arXiv:1706.03762, 3.5).
    """
    half = dimension // 2
    exponent = torch.arange(half, device=t.device, dtype=torch.float32) / max(1, half - 1)
    angle = t.float()[:, None] * torch.exp(-math.log(10_000.0) * exponent)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
