"""The average of the weights of networks of one shape."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from .interface import DenoisingNetwork


def mean_network(networks: Sequence[DenoisingNetwork], shares: Sequence[float]) -> DenoisingNetwork:
    """Return a network in eval mode with the weights of all, each by its share.

    They are summed in float64. What is no floating-point number is that of the first network.
    """
    states = [network.state_dict() for network in networks]
    mean = {
        key: sum(share * state[key].double() for share, state in zip(shares, states, strict=True))
        if value.is_floating_point()
        else value
        for key, value in states[0].items()
    }
    mixed = copy.deepcopy(networks[0])
    mixed.load_state_dict(mean)
    return mixed.eval()
