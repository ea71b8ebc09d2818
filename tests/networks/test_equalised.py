"""Weights scaled when used: what they amount to, and how fast they move."""

import pytest
import torch

from saddle.networks.equalised import HE, EqualConv2d, EqualLinear, pixel_norm


@pytest.mark.parametrize("speed", [1.0, 0.01])
def test_effective_weights_have_hes_deviation(speed):
    torch.manual_seed(0)
    layer = EqualLinear(400, 500, speed=speed, bias=0.5)
    weight = layer(torch.eye(400)).T - 0.5
    assert weight.std().item() == pytest.approx(HE / 20, rel=0.01)
    assert layer.weight.std().item() == pytest.approx(1 / speed, rel=0.01)
    assert layer(torch.zeros(1, 400)).detach().numpy() == pytest.approx(0.5)


def test_a_convolution_keeps_the_variance_of_white_noise():
    torch.manual_seed(0)
    layer = EqualConv2d(64, 256, 3, gain=1.0, padding=0)
    assert layer(torch.randn(8, 64, 8, 8)).std().item() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("speed, inputs", [(1.0, 4), (1.0, 100), (0.01, 100)])
def test_a_step_is_the_same_share_of_the_weights_in_every_layer(speed, inputs):
    """Adam's first step moves each stored weight by lr, so each effective one by lr times speed times c."""
    layer = EqualLinear(inputs, 3, gain=1.0, speed=speed)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    before = layer(torch.eye(inputs)).detach()
    (layer.weight * torch.randn_like(layer.weight)).sum().backward()
    optimizer.step()
    moved = (layer(torch.eye(inputs)) - before).abs()
    assert moved.detach().numpy() == pytest.approx(0.1 * speed / inputs**0.5, rel=1e-2)


def test_pixel_norm_gives_every_place_the_same_length():
    x = pixel_norm(7 * torch.randn(2, 5, 3, 3))
    assert x.square().mean(1).numpy() == pytest.approx(1, rel=1e-5)
    assert not pixel_norm(torch.zeros(1, 3)).any()
