"""The convolution that ends in an image is PyTorch's own, computed another way."""

import pytest
import torch
from torch import nn

from saddle.networks import ExitConv


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [2, 6, 16])
def test_values_gradients_and_second_gradients_are_those_of_the_transposed_convolution(channels, side, bias):
    fast = ExitConv(5, channels, bias=bias).double()
    plain = nn.ConvTranspose2d(5, channels, 4, 2, 1, bias=bias).double()
    plain.load_state_dict(fast.state_dict())
    x = torch.randn(3, 5, side, side, dtype=torch.float64, requires_grad=True)
    found = []
    for layer in (fast, plain):
        y = layer(x)
        first = torch.autograd.grad(y.square().sum(), [x, *layer.parameters()], create_graph=True)
        second = torch.autograd.grad(first[0].square().sum(), list(layer.parameters())[:1])  # through a penalty
        found.append([y, *first, *second])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
