"""Networks that grow: what plays at a depth, how the next size comes in, and that the depth is saved."""

import pytest
import torch
import torch.nn.functional as F

from saddle.networks import Mapping, ProGANCritic, ProGANGenerator, StyleGANSynthesis, StyleGenerator
from saddle.networks.growing import enlarged, pooled, shown

WIDTHS = (6, 5, 4)
NETS = {
    "progan": lambda widths: ProGANGenerator(7, widths, 2),
    "stylegan": lambda widths: StyleGANSynthesis(7, widths, 2),
    "critic": lambda widths: ProGANCritic(widths, 2),
}


def smaller(name, net, stages):
    """A network of so many stages with the same weights."""
    small = NETS[name](WIDTHS[:stages])
    weights = net.state_dict()
    small.load_state_dict({key: weights[key] for key in small.state_dict() if key != "_extra_state"}, strict=False)
    return small


def inputs(name, side):
    return torch.randn(4, 2, side, side) if name == "critic" else torch.randn(4, 7)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_whole_depth_is_the_network_of_so_many_stages(name, depth):
    net, x = NETS[name](WIDTHS), inputs(name, 4 * 2**depth)
    small = smaller(name, net, depth + 1)
    net.grow(depth)
    torch.testing.assert_close(net(x), small(x))


@pytest.mark.parametrize("name", NETS)
def test_a_size_fades_in_from_the_smaller_to_the_larger_network(name):
    """At alpha 0 and 1 it is either; in between a generator's image is on the straight line from one to the other."""
    net, x = NETS[name](WIDTHS), inputs(name, 16)
    found = {}
    for depth in (1.0, 1 + 1e-7, 1.25, 2 - 1e-7, 2.0):
        net.grow(depth)
        y = net(x)
        found[depth] = enlarged(y, 16) if y.dim() == 4 else y
    torch.testing.assert_close(found[1 + 1e-7], found[1.0], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(found[2 - 1e-7], found[2.0], atol=1e-4, rtol=1e-3)
    if name != "critic":
        torch.testing.assert_close(found[1.25], 0.75 * found[1.0] + 0.25 * found[2.0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "name, depth, idle",
    [
        ("progan", 0, "blocks.1 blocks.2 to_image.1 to_image.2"),
        ("progan", 1.5, "to_image.0"),
        ("stylegan", 1, "blocks.2 to_image.0 to_image.2"),
        ("critic", 0, "blocks.0 blocks.1 from_image.1 from_image.2"),
        ("critic", 1.5, "from_image.0"),
    ],
)
def test_what_does_not_play_gets_no_gradient(name, depth, idle):
    """Not zeros, by which an optimiser's memory would go on."""
    net, x = NETS[name](WIDTHS), inputs(name, 16)
    net.grow(depth)
    net(x).square().sum().backward()
    found = {".".join(key.split(".")[:2]) for key, p in net.named_parameters() if p.grad is None}
    assert found == set(idle.split())


def test_a_critic_pools_what_is_larger_than_itself():
    net, x = ProGANCritic(WIDTHS, 2), torch.randn(4, 2, 16, 16)
    net.grow(1)
    torch.testing.assert_close(net(x), net(F.avg_pool2d(x, 2)))


def test_real_images_are_blended_as_generated_ones_are():
    x = torch.randn(2, 3, 16, 16)
    assert shown(x, 2) is x
    torch.testing.assert_close(shown(x, 0), F.avg_pool2d(x, 4))
    coarse = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2)
    torch.testing.assert_close(shown(x, 1.75), 0.25 * coarse + 0.75 * x)


def test_pooling_undoes_enlarging():
    x = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(pooled(enlarged(x, 16), 4), x)
    torch.testing.assert_close(enlarged(x, 16), F.interpolate(x, scale_factor=4))


def test_the_depth_is_part_of_the_state():
    G, other = (StyleGenerator(Mapping(7, 7), StyleGANSynthesis(7, WIDTHS, 2)) for _ in range(2))
    G.synthesis.grow(1.25)
    other.load_state_dict(G.state_dict())
    assert (other.synthesis.depth, other.synthesis.top, other.synthesis.playing) == (1.25, 2, 6)
    z = torch.randn(2, 7)
    assert torch.equal(G(z), other(z))
    with pytest.raises(ValueError, match="depth=3: expected 0 to 2"):
        G.synthesis.grow(3)


def test_the_critic_has_derivatives_of_derivatives_while_it_fades():
    net = ProGANCritic((3, 2), 1).double()
    net.grow(0.5)
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(net, x, atol=1e-4)
