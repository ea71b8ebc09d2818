"""Networks that papers published: their shapes, initialisation, and what they compute."""

import math

import pytest
import torch

from saddle.data import load
from saddle.data.spec import Spec
from saddle.data.toys import Mixture
from saddle.networks import PAIRS, DigitsCritic, PacGANCritic, PacGANGenerator, RingCritic, RingGenerator
from saddle.networks.maxout import Maxout
from saddle.recipes import find

POINTS = [name for name, pair in PAIRS.items() if pair.fits(0)]
DIGITS = [name for name, pair in PAIRS.items() if pair.fits(28)]


@pytest.mark.parametrize("name", POINTS)
def test_points_in_points_out(name: str) -> None:
    G, D = PAIRS[name].generator(5, (3,)), PAIRS[name].critic((3,), "none")
    x = G(torch.randn(7, 5))
    assert x.shape == (7, 3)
    assert D(x).shape == (7,)


@pytest.mark.parametrize("name", DIGITS)
def test_images_fit_the_data(name: str) -> None:
    pair = PAIRS[name]
    x = pair.generator(5, (3, 28, 28))(torch.randn(4, 5))
    assert x.shape == (4, 3, 28, 28)
    assert x.abs().max() <= 1
    assert pair.critic((3, 28, 28), "batch")(x).shape == (4,)


def test_the_small_resnet_doubles_its_channels_towards_4x4() -> None:
    G, D = PAIRS["small-resnet"].generator(5, (3, 32, 32)), PAIRS["small-resnet"].critic((3, 32, 32), "none")
    assert D(G(torch.randn(2, 5))).shape == (2,)
    first = [*dict.fromkeys(p.shape[0] for n, p in D.named_parameters() if p.ndim == 4)]
    assert {8, 16, 32} <= set(first)


def test_the_quarter_critic_is_half_as_wide_as_the_half_critic() -> None:
    def widths(shrink: int) -> list[int]:
        return [layer.out_channels for layer in DigitsCritic(shrink).modules() if isinstance(layer, torch.nn.Conv2d)]

    assert widths(2) == [4, 8, 16]  # 0.5 in PacGAN's program
    assert widths(4) == [2, 4, 8]  # 0.25


def test_without_a_norm_the_critic_judges_each_sample_alone() -> None:
    x = torch.randn(6, 3, 28, 28)
    alone, coupled = DigitsCritic(2, norm="none"), DigitsCritic(2, norm="batch")
    assert torch.allclose(alone(x)[:2], alone(x[:2]), atol=1e-6)
    assert not torch.allclose(coupled(x)[:2], coupled(x[:2]), atol=1e-6)


def test_the_plain_generator_keeps_the_second_moment() -> None:
    G, scales = PAIRS["metz-plain"].generator(256, (3, 28, 28)), []
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in G.modules())
    for layer in G.modules():
        if isinstance(layer, torch.nn.ReLU):
            layer.register_forward_pre_hook(lambda layer, args: scales.append(float(args[0].square().mean())))
    G(torch.randn(400, 256, generator=torch.Generator().manual_seed(0)))
    assert len(scales) == 4
    assert all(1 < scale < 4 for scale in scales)  # He's gain: 2, but less where a border takes fewer weights


def test_maxout_takes_the_largest_of_five() -> None:
    first = next(layer for layer in PacGANCritic((2,)).modules() if isinstance(layer, Maxout))
    x = torch.randn(3, 2)
    W = first.linear.weight.view(200, 5, 2)
    assert torch.allclose(first(x), torch.einsum("npd,bd->bnp", W, x).amax(2), atol=1e-6)  # biases start at 0


def test_running_statistics_keep_95_percent() -> None:
    norm = next(layer for layer in PacGANGenerator(2, (2,)).modules() if isinstance(layer, torch.nn.BatchNorm1d))
    norm(torch.full((4, 400), 2.0))
    assert norm.running_mean is not None
    assert torch.allclose(norm.running_mean, torch.full((400,), 0.1))  # 0.95 · 0 + 0.05 · 2


def test_the_ring_networks_start_orthogonal_with_gain() -> None:
    for layer in [*RingGenerator(256, (2,)).modules(), *RingCritic((2,)).modules()]:
        if isinstance(layer, torch.nn.Linear):
            W = layer.weight if layer.out_features <= layer.in_features else layer.weight.T
            assert torch.allclose(W @ W.T, 0.8**2 * torch.eye(len(W)), atol=1e-5)


def test_the_ring_critic_sees_a_quarter_of_x() -> None:
    D, x = RingCritic((2,)), torch.randn(5, 2)
    W, V = (p for p in D.parameters() if p.ndim == 2)  # biases start at 0
    assert torch.allclose(D(x), ((x / 4) @ W.T).relu() @ V[0], atol=1e-6)


def test_data_of_another_kind_are_refused_in_words() -> None:
    gan = find("gan")
    with pytest.raises(ValueError, match="network=pacgan: expected points"):
        gan.build(gan.Config(network="pacgan"), Spec(3, 28))
    with pytest.raises(ValueError, match="pass --size 28"):
        gan.build(gan.Config(network="metz-half"), Spec(3, 32))
    ebgan = find("ebgan")
    with pytest.raises(ValueError, match="mlp or dcgan"):
        ebgan.build(ebgan.Config(network="pacgan"), Spec(2))


def test_mixture1200_is_ten_modes_on_a_line() -> None:
    data = load("mixture1200")
    assert isinstance(data, Mixture)
    means = data.means
    assert means.shape == (10, 1200)
    nearest = (torch.cdist(means, means) + 1e9 * torch.eye(10)).min()
    assert math.isclose(float(nearest), 0.25 * math.sqrt(1200), rel_tol=1e-9)
    x = data.sample(200, torch.Generator().manual_seed(0))
    assert x.y is not None
    distance = (x.x - means[x.y].float()).norm(dim=1)
    assert abs(float(distance.mean()) - math.sqrt(1199.5)) < 0.3  # the mean of chi with 1,200 degrees of freedom
