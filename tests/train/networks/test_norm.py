"""Norm has the values of its running averages, the gradients of batch normalisation, and folds."""

import torch
from torch import nn

from train.networks.norm import EPSILON, MOMENTUM, Norm


def test_gradients_are_those_of_batch_normalisation():
    torch.manual_seed(0)
    norm, reference = Norm(5).double(), nn.BatchNorm1d(5, EPSILON, MOMENTUM).double()
    for module in (norm, reference):
        module.bias.data[:] = torch.arange(5.0)
    x = 3 + 2 * torch.randn(7, 4, 5, dtype=torch.float64)
    other = x.clone().requires_grad_()
    rows = x.flatten(0, 1)
    moments = rows.mean(0), rows.var(0, unbiased=False)
    x.requires_grad_()
    target = torch.randn(7, 4, 5, dtype=torch.float64)
    norm.mean.copy_(moments[0]), norm.variance.copy_(moments[1])
    norm.train()
    output = norm(x)
    expected = reference(other.flatten(0, 1)).view_as(x)
    torch.testing.assert_close(output, expected)  # at these averages the values are, too
    for y in (output, expected):
        (y * target).sum().backward()
    torch.testing.assert_close(x.grad, other.grad)
    torch.testing.assert_close(norm.bias.grad, reference.bias.grad)


def test_training_mode_has_the_values_of_eval_mode_and_moves_its_averages():
    torch.manual_seed(0)
    norm = Norm(5)
    with torch.no_grad():
        norm.mean.normal_(), norm.variance.uniform_(1, 2), norm.bias.normal_()
    x = 1 + 0.8 * torch.randn(200, 5)
    expected = norm.eval()(x)
    before = norm.mean.clone(), norm.variance.clone()
    torch.testing.assert_close(norm.train()(x), expected, atol=1e-5, rtol=1e-5)
    moved = before[0].lerp(x.mean(0), MOMENTUM), before[1].lerp(x.var(0, False), MOMENTUM)
    torch.testing.assert_close((norm.mean, norm.variance), moved)


def test_an_untrained_norm_keeps_its_values_in_bounds():
    x = 1000 * (1 + torch.rand(64, 5))  # its averages are 0 and 1
    assert Norm(5)(x).abs().max() < 20


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
