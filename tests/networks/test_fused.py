"""Doubling or halving and a 3x3 convolution, in one step and in two."""

import pytest
import torch
import torch.nn.functional as F

from saddle.networks import DownConv, UpConv


def doubled_first(x, layer):
    return F.conv2d(F.interpolate(x, scale_factor=2), layer.weight, layer.bias, padding=1)


def halved_last(x, layer):
    return F.avg_pool2d(F.conv2d(x, layer.weight, layer.bias, padding=1), 2)


@pytest.mark.parametrize("make, two_steps", [(UpConv, doubled_first), (DownConv, halved_last)])
def test_one_step_is_the_two_to_the_second_derivative(make, two_steps):
    """Values, gradients in input, kernel and bias, and the gradient of a slope: all equal, at the borders too."""
    torch.manual_seed(0)
    layer = make(3, 5).double()
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)

    def looked_at(out):
        (slope,) = torch.autograd.grad(out.pow(3).sum(), x, create_graph=True)
        inner = torch.autograd.grad(slope.square().sum(), [x, layer.weight], retain_graph=True)
        return [out, slope, *inner, *torch.autograd.grad(out.pow(3).sum(), list(layer.parameters()))]

    for one, other in zip(looked_at(layer(x)), looked_at(two_steps(x, layer)), strict=True):
        torch.testing.assert_close(one, other)
