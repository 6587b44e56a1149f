"""Checks that a device named on the command line exists."""

from __future__ import annotations

import torch

from rtdenoise.errors import RtdenoiseError


def check_device(name: str) -> None:
    """Raise RtdenoiseError if torch does not know the device, or this machine does not have it."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise RtdenoiseError(
            f"--device: unknown device {name!r}: use cpu, cuda or cuda:N"
        ) from error
    if device.type == "cuda":
        count = torch.cuda.device_count()  # does not initialise a GPU, unlike an allocation
        if (device.index or 0) >= count:
            raise RtdenoiseError(f"--device: {name} is not there ({count} found): use cpu")
    elif device.type != "cpu":
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            raise RtdenoiseError(f"--device: {name} cannot be used here: use cpu") from error
