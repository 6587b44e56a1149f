"""An enlarged network gives the output of the small one, and its new units can learn."""

import json
import subprocess
import sys

import pytest
import torch

from rtdenoise.errors import RtdenoiseError
from tests.toy import TOY, toy_network
from train.checkpoint import load_checkpoint, load_network, save_checkpoint
from train.networks import grow_network, make_level_invariant
from train.networks.default import SpectralDenoiser

WIDE = TOY | {"channels": 10, "full_band": 12, "detail": 11, "taps": 5}


@pytest.fixture
def small():
    """A network of which every value differs from its initial one."""
    network = toy_network()
    with torch.no_grad():
        for value in network.state_dict().values():
            value.add_(0.2 * torch.rand_like(value))
    return network.eval()


def test_wider_network_gives_the_same_output_and_learns(small):
    wide = grow_network(small, WIDE)
    audio, t = 0.3 * torch.randn(2, 1, 9600), torch.tensor([0, 700])
    output = wide(audio, t)
    assert (output - small(audio, t)).norm() < 1e-5 * output.norm()
    assert output.std() > 0.01  # not silence, which would be equal too
    wide.train()
    wide(audio, t).square().sum().backward()
    old = len(small.blocks[0].out)
    new_to_old = wide.blocks[0].now.grad[old:, :old]
    assert new_to_old.norm(dim=1).min() > 0


def test_deeper_network_with_high_history_gives_the_same_output_and_learns():
    torch.manual_seed(3)
    options = TOY | {"high_history": False}
    small = SpectralDenoiser(**options).eval()
    deep = grow_network(small, TOY | {"dilations": [*TOY["dilations"], 3], "high_history": True})
    audio, t = 0.3 * torch.randn(2, 1, 9600), torch.tensor([0, 700])
    output = deep(audio, t)
    assert (output - small(audio, t)).norm() < 1e-5 * output.norm()
    assert output.std() > 0.01
    deep.train()
    deep(audio, t).square().sum().backward()
    assert deep.blocks[-1].out.grad.norm() > 0
    assert deep.encode_high.weight.grad[:, 40:].norm(dim=0).min() > 0


def test_smaller_sizes_and_other_options_are_refused(small):
    with pytest.raises(RtdenoiseError, match="smaller"):
        grow_network(small, TOY | {"channels": 4})
    for other in ({"dilations": [1, 2]}, {"dilations": [1, 2, 8, 8]}, {"full_band": 0}):
        with pytest.raises(RtdenoiseError, match="only channels"):
            grow_network(small, TOY | other)


def test_a_network_that_looks_back_over_more_than_a_second_is_refused(small):
    with pytest.raises(RtdenoiseError, match="frames more than one second"):
        grow_network(small, TOY | {"dilations": [*TOY["dilations"], 100]})


def test_command_writes_a_checkpoint_that_can_be_loaded(toy_checkpoint, tmp_path):
    target = tmp_path / "wide.pth"
    command = [sys.executable, "-m", "train.grow", str(toy_checkpoint), str(target), "--channels"]
    done = subprocess.run([*command, "9", "--block", "5"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    options = json.loads(done.stdout.split("network options ")[1])
    assert options == TOY | {
        "channels": 9,
        "high_history": True,
        "dilations": [*TOY["dilations"], 5],
    }
    assert load_network(target).channels == 9
    refused = subprocess.run([*command, "2"], capture_output=True, text=True)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)


def test_older_checkpoints_can_be_loaded(toy_checkpoint, tmp_path):
    options = {"channels": 6, "embedding": 8, "full_band": 8, "detail": 8}
    old = SpectralDenoiser(**options, dilations=(1, 2, 4, 8), high_history=False)
    saved = load_checkpoint(toy_checkpoint) | {"model_state_dict": old.state_dict()}
    saved["config"] = saved["config"] | {"network_options": options}
    save_checkpoint(tmp_path / "old.pth", saved)
    network = load_network(tmp_path / "old.pth")
    assert (network.dilations, network.high_history) == ((1, 2, 4, 8), False)
    assert network.history == 40


def test_level_invariance_hardly_changes_the_output_at_a_typical_level():
    options = TOY | {"level_invariant": False}
    torch.manual_seed(3)
    small = SpectralDenoiser(**options).eval()
    invariant = make_level_invariant(small, options | {"level_invariant": True})
    assert invariant.level_invariant
    audio, t = torch.randn(1, 1, 48_000), torch.tensor([0])
    outputs = [network(0.02 * audio, t) for network in (small, invariant)]  # level near 0.6
    assert (outputs[0] - outputs[1]).norm() < 0.1 * outputs[0].norm()
