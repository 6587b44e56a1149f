"""Norm equals torch's batch normalisation without a scale, and folds to what it does in eval."""

import torch
from torch import nn

from train.networks.norm import EPSILON, MOMENTUM, Norm


def test_training_mode_equals_batch_normalisation():
    torch.manual_seed(0)
    norm, reference = Norm(5).double(), nn.BatchNorm1d(5, EPSILON, MOMENTUM).double()
    for module in (norm, reference):
        module.bias.data[:] = torch.arange(5.0)
    x = 3 + 2 * torch.randn(7, 4, 5, dtype=torch.float64)
    other = x.clone().requires_grad_()
    x.requires_grad_()
    target = torch.randn(7, 4, 5, dtype=torch.float64)
    norm.train()
    output = norm(x)
    expected = reference(other.flatten(0, 1)).view_as(x)
    torch.testing.assert_close(output, expected)
    for y in (output, expected):
        (y * target).sum().backward()
    torch.testing.assert_close(x.grad, other.grad)
    torch.testing.assert_close(norm.bias.grad, reference.bias.grad)
    torch.testing.assert_close(norm.mean, reference.running_mean)
    torch.testing.assert_close(norm.variance, reference.running_var, rtol=0.01, atol=0.01)


def test_eval_mode_is_one_scale_and_shift():
    torch.manual_seed(0)
    norm = Norm(3)
    x = 1 + 0.5 * torch.randn(1000, 3)
    for _ in range(300):
        norm(x)
    norm.eval()
    scale, shift = norm.scale_and_shift()
    torch.testing.assert_close(norm(x), x * scale + shift)
    torch.testing.assert_close(norm(x).mean(0), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(norm(x).std(0), torch.ones(3), atol=1e-2, rtol=0)
    alone = norm(x[:1])  # independent of the rest of the batch
    torch.testing.assert_close(alone, norm(x)[:1])
