"""A larger network starts as what the small one was, and its new units can learn."""

import json
import subprocess
import sys

import pytest
import torch

from rtdenoise.errors import RtdenoiseError
from tests.toy import TOY, toy_network
from train.checkpoint import load_checkpoint, load_network, save_checkpoint
from train.grow import grown, with_relative_features
from train.networks.default import SpectralDenoiser

WIDE = TOY | {"channels": 10, "full_band": 12, "detail": 11, "taps": 5}


@pytest.fixture
def small():
    """A network none of whose values is what it was made with."""
    network = toy_network()
    with torch.no_grad():
        for value in network.state_dict().values():
            value.add_(0.2 * torch.rand_like(value))
    return network.eval()


def test_wider_is_the_same_at_every_timestep_and_learns(small):
    wide = grown(small, WIDE)
    audio, t = 0.3 * torch.randn(2, 1, 9600), torch.tensor([0, 700])
    output = wide(audio, t)
    assert (output - small(audio, t)).norm() < 1e-5 * output.norm()
    assert output.std() > 0.01  # silence would be the same too
    wide.train()
    wide(audio, t).square().sum().backward()
    old = len(small.blocks[0].out)
    new_to_old = wide.blocks[0].now.grad[old:, :old]
    assert new_to_old.norm(dim=1).min() > 0


def test_deeper_and_with_high_history_is_the_same_and_learns():
    torch.manual_seed(3)
    options = TOY | {"high_history": False}
    small = SpectralDenoiser(**options).eval()
    deep = grown(small, TOY | {"dilations": [*TOY["dilations"], 3], "high_history": True})
    audio, t = 0.3 * torch.randn(2, 1, 9600), torch.tensor([0, 700])
    output = deep(audio, t)
    assert (output - small(audio, t)).norm() < 1e-5 * output.norm()
    assert output.std() > 0.01
    deep.train()
    deep(audio, t).square().sum().backward()
    assert deep.blocks[-1].out.grad.norm() > 0
    assert deep.encode_high.weight.grad[:, 40:].norm(dim=0).min() > 0


def test_only_up(small):
    with pytest.raises(RtdenoiseError, match="smaller"):
        grown(small, TOY | {"channels": 4})
    for other in ({"dilations": [1, 2]}, {"dilations": [1, 2, 8, 8]}, {"full_band": 0}):
        with pytest.raises(RtdenoiseError, match="only channels"):
            grown(small, TOY | other)


def test_command_writes_what_training_can_start_from(toy_checkpoint, tmp_path):
    target = tmp_path / "wide.pth"
    command = [sys.executable, "-m", "train.grow", str(toy_checkpoint), str(target), "--channels"]
    done = subprocess.run([*command, "9", "--block", "5"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.split("network options ")[1])
    assert told == TOY | {"channels": 9, "high_history": True, "dilations": [*TOY["dilations"], 5]}
    assert load_network(target).channels == 9
    refused = subprocess.run([*command, "2"], capture_output=True, text=True)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)


def test_checkpoints_of_the_shape_before_are_read(toy_checkpoint, tmp_path):
    options = {"channels": 6, "embedding": 8, "full_band": 8, "detail": 8}
    old = SpectralDenoiser(**options, dilations=(1, 2, 4, 8), high_history=False)
    saved = load_checkpoint(toy_checkpoint) | {"model_state_dict": old.state_dict()}
    saved["config"] = saved["config"] | {"network_options": options}
    save_checkpoint(tmp_path / "old.pth", saved)
    network = load_network(tmp_path / "old.pth")
    assert (network.dilations, network.high_history) == ((1, 2, 4, 8), False)
    assert network.history == 40


def test_relative_features_are_the_same_at_a_typical_level():
    options = TOY | {"level_invariant": False}
    torch.manual_seed(3)
    small = SpectralDenoiser(**options).eval()
    relative = with_relative_features(small, options | {"level_invariant": True})
    assert relative.level_invariant
    audio, t = torch.randn(1, 1, 48_000), torch.tensor([0])
    outputs = [network(0.02 * audio, t) for network in (small, relative)]  # level near 0.6
    assert (outputs[0] - outputs[1]).norm() < 0.1 * outputs[0].norm()
