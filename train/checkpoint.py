"""Checkpoints: they are written atomically and loaded without running pickled code."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from rtdenoise.errors import RtdenoiseError

from .networks import HIGH_STRIDE, DenoisingNetwork, build

KEYS = ("model_state_dict", "optimizer_state_dict", "scheduler_state_dict", "epoch", "loss")


def best_name(now: datetime | None = None) -> str:
    """Return best_model_YYYYMMDD_HHMMSS.pth."""
    return f"best_model_{(now or datetime.now()):%Y%m%d_%H%M%S}.pth"


def save_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write a temporary file and rename it: `path` always holds the old or the new checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with open(temporary, "wb") as file:
        torch.save(checkpoint, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint of `python -m train`. Raises RtdenoiseError on any other file."""
    if not Path(path).is_file():
        raise RtdenoiseError(f"{path} does not exist: give a checkpoint of `python -m train`")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds of struct, pickle and zip errors
        raise RtdenoiseError(f"{path} is not a checkpoint or is damaged: train again") from error
    if not isinstance(checkpoint, dict) or any(key not in checkpoint for key in KEYS):
        raise RtdenoiseError(f"{path} is not a checkpoint of `python -m train`: train one first")
    return checkpoint


def fresh_checkpoint(saved: dict[str, Any], network: DenoisingNetwork) -> dict[str, Any]:
    """Return `saved` with the weights of `network`; training begins anew from it."""
    state: dict[str, Any] = {"optimizer_state_dict": {}, "scheduler_state_dict": {}}
    state |= {"model_state_dict": network.state_dict(), "ema_state_dict": None}
    state |= {"epoch": 0, "step": 0, "history": "[]"}
    return {**saved, **state}


def load_weights(network: torch.nn.Module, state: dict[str, Any], path: Path) -> None:
    """Load weights. Raises RtdenoiseError if their shapes do not fit the network."""
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise RtdenoiseError(
            f"{path} holds a network of another shape: give the options it was trained with"
        ) from error


def network_options(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a checkpoint's network, including those an old version left out.

    Before 0.16.0 no network was level-invariant. Before 0.13.0 checkpoints held only the options
    that differed from the defaults; `default` then had a history of 40 frames. Before 0.12.0 it had
    four blocks and no history above 8 kHz.
    """
    config, weights = checkpoint["config"], checkpoint["model_state_dict"]
    if config["network"] != "default":
        return dict(config["network_options"])
    missing: dict[str, Any] = {"history": 40, "level_invariant": False}
    high = weights.get("encode_high.weight")
    if high is not None and high.shape[1] == HIGH_STRIDE:
        blocks = sum(key.endswith(".mix") for key in weights)
        missing |= {"dilations": [1, 2, 4, 8, 4][:blocks], "high_history": False}
    return missing | config["network_options"]


def load_network(path: Path, ema: bool = True) -> DenoisingNetwork:
    """Build the network of a checkpoint in eval mode, with its EMA weights if it has any.

    `ema` False loads the weights of the last step instead. Raises RtdenoiseError on any other file.
    """
    checkpoint = load_checkpoint(path)
    try:
        network = build(checkpoint["config"]["network"], **network_options(checkpoint))
    except (KeyError, TypeError) as error:
        raise RtdenoiseError(f"{path} does not say which network it holds: train again") from error
    averaged = checkpoint.get("ema_state_dict") if ema else None
    load_weights(network, averaged or checkpoint["model_state_dict"], path)
    return network.eval()
