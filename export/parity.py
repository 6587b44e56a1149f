"""Compares the output of an ONNX file with that of PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from rtdenoise.constants import SAMPLE_RATE
from rtdenoise.errors import RtdenoiseError
from rtdenoise.inference import ModelCard
from train.networks import DenoisingNetwork, zero_timestep

TOLERANCE = 1e-4
LOOSE = 0.1  # for half precision and 8 bits; a wrong file differs by more


def compare(
    path: Path, network: DenoisingNetwork, card: ModelCard, tolerance: float = TOLERANCE
) -> float:
    """Return the largest difference on voices, noise and silence.

    Raises RtdenoiseError if it is above `tolerance`.
    """
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    # A rolling model returns what follows its context: from half a second more, half a second.
    audio = _probes(card.segment * 3 // 2 if card.form == "rolling" else card.segment)
    with torch.no_grad():
        expected = network(audio, zero_timestep(len(audio))).numpy()
    if card.form == "stream":
        got = _stream(session, audio.numpy(), network, card)
        expected = expected[..., : expected.shape[-1] - card.lookahead]
    else:
        (got,) = session.run(None, {"audio": audio.numpy()})
    if card.form == "rolling":
        expected = expected[..., card.before : expected.shape[-1] - card.after]
    error = float(np.abs(got - expected).max())
    if not error <= tolerance:
        raise RtdenoiseError(f"ONNX and PyTorch differ by {error:.1e} (> {tolerance}): not written")
    return error


def _probes(samples: int) -> torch.Tensor:
    """Return audio [4, 1, samples]: a hum like a voice's, the same later, noise, and silence.

    A trained network removes noise, so noise alone would compare zero with zero. Logarithms and
    quotients tend to fail in silence and where sound starts after silence.
    """
    seconds = torch.arange(samples) / SAMPLE_RATE
    pitch = 2 * torch.pi * (140 * seconds + 4 * torch.sin(2 * torch.pi * 3 * seconds))
    voice = torch.stack([torch.sin(k * pitch) / k for k in range(1, 25)]).sum(0)
    voice *= 0.2 * torch.sin(torch.pi * 4 * seconds).square()
    noise = 0.02 * torch.randn(3, samples, generator=torch.Generator().manual_seed(0))
    audio = torch.stack([voice + noise[0], voice + noise[1], 5 * noise[2], 0 * voice])
    audio[1, : samples // 2] = 0
    return audio[:, None]


def _stream(
    session: ort.InferenceSession, audio: np.ndarray, network: DenoisingNetwork, card: ModelCard
) -> np.ndarray:
    """Run with carried state, in calls of one, two, three, ... hops, from states of zero."""
    states = [state.numpy() for state in network.initial_states(len(audio))]
    out, position, hops = [], 0, 1
    while position < audio.shape[-1]:
        piece = audio[..., position : position + hops * card.hop]
        feed = {f"state_{i}": state for i, state in enumerate(states)}
        denoised, *states = session.run(None, {"audio": piece, **feed})
        out.append(denoised)
        position, hops = position + piece.shape[-1], hops + 1
    return np.concatenate(out, axis=-1)[..., card.lookahead :]
