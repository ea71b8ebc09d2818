"""Packing: round trip, remainder, and what a packed critic can tell that a plain one cannot."""

import pytest
import torch
from torch import nn

from saddle.networks import DCGANCritic, MLPCritic, Packed, pack, unpack
from saddle.objectives import r1


@pytest.mark.parametrize("shape", [(12, 2), (12, 3, 4, 4)])
@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_unpacking_gives_back_what_was_packed(shape, m):
    x = torch.randn(shape)
    packed = pack(x, m)
    assert packed.shape == (12 // m, m * shape[1], *shape[2:])
    assert torch.equal(unpack(packed, m), x)
    for i in range(12 // m):
        assert torch.equal(packed[i], torch.cat(list(x[i * m : (i + 1) * m])))


def test_memory_layout_does_not_matter():
    x = torch.randn(4, 3, 4, 4)
    assert torch.equal(pack(x.to(memory_format=torch.channels_last), 2), pack(x, 2))


def test_the_remainder_is_left_out():
    x = torch.randn(11, 2)
    assert torch.equal(pack(x, 4), pack(x[:8], 4))


def test_a_packed_critic_judges_packs():
    D = Packed(DCGANCritic(16, 6, 4), m=2)
    assert D(torch.randn(6, 3, 16, 16)).shape == (3,)
    critic, x = MLPCritic((4,), (8,)), torch.randn(6, 2)
    assert torch.equal(Packed(critic, 2)(x), critic(x.view(3, 4)))


def test_packs_tell_a_collapsed_distribution_apart():
    """p_g: both numbers of {-1, 1}, but the same in a pair. One by one p_g is p; in pairs x1 x2 has mean 1, not 0."""
    signs = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    real, fake = signs.view(-1, 1), signs[:2].repeat(2, 1).view(-1, 1)

    class Product(nn.Module):
        def forward(self, x):
            return x.prod(1)

    assert Packed(Product(), 1)(real).mean() == Packed(Product(), 1)(fake).mean()
    assert Packed(Product(), 2)(real).mean() == 0
    assert Packed(Product(), 2)(fake).mean() == 1


def test_a_penalty_goes_through_packing():
    """D(x1, x2) = <w, (x1, x2)>: each sample's gradient is its half of w."""
    D = Packed(nn.Linear(4, 1), 2).double()
    half, other = D.critic.weight.detach()[0].split(2)
    expected = (half.square().sum() + other.square().sum()) / 2 / 2
    assert r1(D, torch.randn(6, 2, dtype=torch.float64)).item() == pytest.approx(expected.item())


def test_what_cannot_be_packed_is_refused():
    with pytest.raises(ValueError, match="m=0"):
        Packed(nn.Identity(), 0)
    with pytest.raises(ValueError, match="samples=3"):
        pack(torch.zeros(3, 2), 4)
    with pytest.raises(ValueError, match="a divisor"):
        unpack(torch.zeros(3, 5), 2)
