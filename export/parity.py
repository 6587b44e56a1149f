"""Does the ONNX file say what PyTorch says?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from rtdenoise.card import ModelCard
from rtdenoise.errors import RtdenoiseError
from train.network_api import DenoisingNetwork, zero_timestep

TOLERANCE = 1e-4


def compare(path: Path, network: DenoisingNetwork, card: ModelCard) -> float:
    """Return the largest difference on random audio and silence. Raises above 1e-4."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    audio = torch.randn(3, 1, card.segment, generator=torch.Generator().manual_seed(0)) * 0.1
    audio[1, :, : card.segment // 2] = 0  # a start out of silence
    audio[2] = 0  # and silence alone, where logarithms and quotients go wrong
    with torch.no_grad():
        expected = network(audio, zero_timestep(3)).numpy()
    if card.form == "segment":
        (got,) = session.run(None, {"audio": audio.numpy()})
    else:
        got = _stream(session, audio.numpy(), network, card)
        expected = expected[..., : expected.shape[-1] - card.lookahead]
    error = float(np.abs(got - expected).max())
    if not error <= TOLERANCE:
        raise RtdenoiseError(f"ONNX and PyTorch differ by {error:.1e} (> {TOLERANCE}): not written")
    return error


def _stream(
    session: ort.InferenceSession, audio: np.ndarray, network: DenoisingNetwork, card: ModelCard
) -> np.ndarray:
    """Run with carried state, in calls of one, two, three ... hops; zero states, as PyTorch's."""
    states = [state.numpy() for state in network.initial_states(len(audio))]
    out, position, hops = [], 0, 1
    while position < audio.shape[-1]:
        piece = audio[..., position : position + hops * card.hop]
        feed = {f"state_{i}": state for i, state in enumerate(states)}
        denoised, *states = session.run(None, {"audio": piece, **feed})
        out.append(denoised)
        position, hops = position + piece.shape[-1], hops + 1
    return np.concatenate(out, axis=-1)[..., card.lookahead :]
