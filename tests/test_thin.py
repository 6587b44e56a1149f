"""A network made smaller says what it said, as far as fewer channels can."""

import pytest
import torch
from conftest import TOY, toy_network

from train.batches import Batch
from train.network_api import zero_timestep
from train.networks.default import SpectralDenoiser
from train.thin import loss_of, options, select, thinned, without


@pytest.fixture(scope="module")
def audio() -> list[Batch]:
    torch.manual_seed(0)
    clean = 0.1 * torch.randn(3, 1, 9600) * torch.linspace(0, 1, 9600)
    return [Batch(clean + 0.02 * torch.randn_like(clean), clean)]


def output(network: SpectralDenoiser, audio: list[Batch]) -> torch.Tensor:
    with torch.no_grad():
        return network(audio[0].noisy, zero_timestep(3))


def test_all_channels_kept_is_the_same_network(audio):
    network = toy_network()
    same = thinned(network, audio, network.channels, [])
    torch.testing.assert_close(output(same, audio), output(network, audio), atol=2e-4, rtol=0)


def test_channels_that_follow_from_others_cost_nothing(audio):
    """Two channels are copies of two others wherever they are read: four say the same."""
    network = toy_network()
    rows = ("encode_low.", "encode_high.", "full_band.widen.", "out.")
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.startswith("timestep.2"):  # scale and shift
                weight[4:6], weight[10:12] = weight[:2], weight[6:8]
            elif name.startswith("full_band.blocks"):
                continue
            elif any(part in name for part in rows) or name.split(".")[-1] == "bias":
                if len(weight) == 6:
                    weight[4:] = weight[:2]
            elif name.endswith(("position", "now", "past")):
                weight[:, 4:] = weight[:, :2]
    small = thinned(network, audio, 4, [])
    assert small.channels == 4
    torch.testing.assert_close(output(small, audio), output(network, audio), atol=2e-4, rtol=0)


def test_a_dropped_block_adds_nothing(audio):
    network = toy_network()
    small = thinned(network, audio, network.channels, [1])
    assert options(small) == TOY | {"dilations": [1, 4], "join": 1, "fine": True}
    expected = output(without(network, 1), audio)
    torch.testing.assert_close(output(small, audio), expected, atol=2e-4, rtol=0)
    assert loss_of(small, audio) == pytest.approx(loss_of(without(network, 1), audio), rel=1e-3)


def test_the_channels_kept_tell_the_others():
    torch.manual_seed(0)
    basis = torch.randn(200, 3, dtype=torch.float64)
    rows = torch.cat([basis, basis @ torch.randn(3, 4, dtype=torch.float64)], 1)
    kept, every = select(rows.T @ rows, 3)
    torch.testing.assert_close(rows[:, kept] @ every.T.double(), rows, atol=1e-3, rtol=1e-3)
