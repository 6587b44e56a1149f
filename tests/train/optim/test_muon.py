"""Muon steps matrices by orthogonal updates, AdamW steps the rest, and both can be resumed."""

import copy

import pytest
import torch
from torch import distributed, multiprocessing

from rtdenoise.errors import RtdenoiseError
from tests.toy import TOY
from train.networks import build
from train.optim import muon
from train.optim.muon import Muon, is_matrix, make_optimizer, orthogonal


@pytest.mark.parametrize("shape", [(3, 32, 32), (2, 96, 16), (1, 16, 96)])
def test_singular_values_become_alike(shape):
    torch.manual_seed(0)
    given = torch.randn(shape)
    u, before, v = torch.linalg.svd(given, full_matrices=False)
    made = u.mT @ orthogonal(given) @ v.mT  # diagonal where the singular vectors are kept
    after = torch.diagonal(made, dim1=1, dim2=2)
    large = before > 0.02 * before.norm(dim=1, keepdim=True)  # nothing lifts a zero
    assert before[large].amax() / before[large].amin() > 1.5
    assert after[large].amin() > 0.4 and after.amax() < 1.3
    assert (made - torch.diag_embed(after)).abs().amax() < 1e-3


def test_bfloat16_makes_nearly_the_same():
    torch.manual_seed(0)
    given = torch.randn(2, 32, 64)
    whole, half = orthogonal(given), orthogonal(given, torch.bfloat16)
    assert half.dtype == torch.float32
    assert 1e-6 < (whole - half).square().mean() / whole.square().mean() < 1e-2


def gradients(network, seed: int) -> None:
    torch.manual_seed(seed)
    for parameter in network.parameters():
        parameter.grad = 0.01 * torch.randn_like(parameter)


def test_matrices_move_by_the_rate_and_the_rest_as_adamw_has_it():
    torch.manual_seed(0)
    ours = build("default", **TOY)
    theirs = copy.deepcopy(ours)
    optimizers = (
        Muon(ours, lr=0.01, weight_decay=0.01),
        torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0.01),
    )
    before = {name: p.detach().clone() for name, p in ours.named_parameters()}
    for network, optimizer in zip((ours, theirs), optimizers, strict=True):
        gradients(network, 1)
        optimizer.step()
    same = dict(theirs.named_parameters())
    kinds = {True: 0, False: 0}
    for name, parameter in ours.named_parameters():
        matrix = is_matrix(name, parameter)
        kinds[matrix] += 1
        if not matrix:
            torch.testing.assert_close(parameter, same[name])
        elif min(parameter.shape) > 2:
            moved = (parameter - before[name] * (1 - 0.01 * 0.01)).square().mean().sqrt()
            assert 0.5 < moved / (0.2 * 0.01) < 1.3  # root mean square, whatever the shape
    assert kinds[True] > 20 and kinds[False] > 5


def test_a_saved_state_goes_on_exactly():
    torch.manual_seed(0)
    whole = build("default", **TOY)
    optimizer = Muon(whole, lr=0.01, weight_decay=0.01)
    for seed in range(3):
        gradients(whole, seed)
        optimizer.step()
    cut = copy.deepcopy(whole)
    again = Muon(cut, lr=0.01, weight_decay=0.01)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for network, stepped in ((whole, optimizer), (cut, again)):
        gradients(network, 9)
        stepped.step()
    for a, b in zip(whole.parameters(), cut.parameters(), strict=True):
        assert torch.equal(a, b)


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(RtdenoiseError, match="adamw or muon"):
        make_optimizer("sgd", build("default", **TOY), 0.1, 0.0)


def step_in_one_of_two(rank: int, folder: str) -> None:
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    muon.SHARED = 0  # every shape is divided, however small
    torch.save(stepped(), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def stepped() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    network = build("default", **TOY)
    optimizer = Muon(network, lr=0.01, weight_decay=0.01)
    gradients(network, 1)
    optimizer.step()
    return {name: p.detach() for name, p in network.named_parameters()}


def test_two_processes_divide_the_matrices_and_step_as_one(tmp_path):
    multiprocessing.spawn(step_in_one_of_two, (str(tmp_path),), nprocs=2)
    alone = stepped()
    for rank in (0, 1):
        for name, value in torch.load(tmp_path / f"{rank}.pt").items():
            torch.testing.assert_close(value, alone[name], atol=1e-6, rtol=1e-5)
