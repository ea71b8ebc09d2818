"""SNGAN's residual blocks, class-conditional batch norm and the projection critic, against their formulas."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from saddle.networks import ConditionalBatchNorm, ProjectionCritic, ResNetCritic, ResNetGenerator, SelfAttention
from saddle.networks.normalise import batch_norm, class_batch_norm, linear_batch_norm
from saddle.networks.resnet_gan import CriticBlock, GeneratorBlock


class Constant(nn.Module):
    def __init__(self, row):
        super().__init__()
        self.row = row

    def forward(self, condition):
        return self.row.expand(len(condition), -1)


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("training", [True, False])
def test_a_conditional_norm_of_constant_gains_is_batch_norm(training):
    x, row = torch.randn(6, 3, 4, 4), torch.randn(3)
    plain = nn.BatchNorm2d(3)
    told = ConditionalBatchNorm(3, Constant(row - 1), Constant(2 * row))
    with torch.no_grad():
        plain.weight.copy_(row)
        plain.bias.copy_(2 * row)
    for norm in (plain, told):
        norm.train(training)
    torch.testing.assert_close(told(x, torch.zeros(6)), plain(x))
    torch.testing.assert_close(told.norm.running_var, plain.running_var)


def test_labels_of_a_norm_begin_alike_and_can_part():
    """Rows of the same values under two labels: gain and bias of the one's label move it alone."""
    norm, x = class_batch_norm(3)(2), torch.randn(1, 2, 4, 4).repeat(2, 1, 1, 1)
    y = torch.tensor([0, 2])
    torch.testing.assert_close(norm(x, y), batch_norm(2)(x))
    with torch.no_grad():
        norm.gain.weight[2], norm.bias.weight[2] = 1.0, 5.0
    one, other = norm(x, y)
    torch.testing.assert_close(other, 2 * one + 5)


def test_a_linear_norm_is_affine_in_its_condition():
    """gain 1 + A c and bias B c: for c = a + b the output is that of a plus that of b less that of 0."""
    norm, x = linear_batch_norm(5)(2), torch.randn(4, 2, 3, 3)
    a, b = torch.randn(4, 5), torch.randn(4, 5)
    torch.testing.assert_close(norm(x, a + b), norm(x, a) + norm(x, b) - norm(x, torch.zeros(4, 5)))


def test_a_generators_block_is_its_formula():
    """C3(R(BN(C3(up(R(BN(x))))))) + C1(up(x)), the doubling written out."""
    block, x = GeneratorBlock(3, 5, batch_norm), torch.randn(2, 3, 4, 4)
    wide = F.interpolate(block.norm1(x).relu(), scale_factor=2)
    h = F.conv2d(wide, block.conv1.weight, block.conv1.bias, padding=1)
    expected = block.conv2(block.norm2(h).relu()) + block.shortcut(F.interpolate(x, scale_factor=2))
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("first", [True, False])
def test_a_critics_block_is_its_formula(first):
    """pool(C3(R(C3(R(x))))) + pool(C1(x)), without the first R for images."""
    block, x = CriticBlock(3, 5, hidden=4, down=True, first=first), torch.randn(2, 3, 8, 8)
    h = block.conv1(x if first else x.relu()).relu()
    h = F.conv2d(h, block.conv2.weight, block.conv2.bias, padding=1)
    torch.testing.assert_close(block(x), F.avg_pool2d(h + block.shortcut(x), 2))


def test_a_block_that_changes_nothing_has_no_convolution_beside_it():
    block, x = CriticBlock(4, 4, hidden=4, down=False), torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        for p in block.conv2.parameters():
            p.zero_()
    assert torch.equal(block(x), x)


def test_the_projection_is_the_product_with_a_labels_row():
    """D(x, y) = <V_y, h(x)> + psi(h(x)), h the sum over places."""
    net = ResNetCritic(16, (4, 6, 8), channels=1)
    critic, x = ProjectionCritic(net, classes=3), torch.randn(4, 1, 16, 16)
    y = torch.tensor([2, 0, 1, 1])
    h = net.body[:-1](x).sum((2, 3))
    expected = [critic.embed.weight[k] @ row + net.linear(row).squeeze() for k, row in zip(y.tolist(), h, strict=True)]
    torch.testing.assert_close(critic(x, y), torch.stack(expected))
    with torch.no_grad():
        critic.embed.weight.zero_()
    torch.testing.assert_close(critic(x, y), net(x))


def test_labels_out_of_range_are_named():
    generator, critic = ResNetGenerator(4, (4, 4), 1, classes=3), ProjectionCritic(ResNetCritic(8, (4, 4), 1), 3)
    for ask in (lambda y: generator(torch.randn(1, 4), y), lambda y: critic(torch.randn(1, 1, 8, 8), y)):
        with pytest.raises(ValueError, match=r"labels=\[3\]: expected 0 to 2 only"):
            ask(torch.tensor([3]))


@pytest.mark.parametrize("size, plain", [(16, 1), (32, 2), (64, 1)])
def test_attention_stands_where_the_map_has_its_side(size, plain):
    """In both players; the critic's last blocks keep the side, and its features are a number a channel."""
    maps = size.bit_length() - 2
    widths, seen = (8,) * maps, []
    generator = ResNetGenerator(4, widths, 3, attention=size // 2)
    critic = ResNetCritic(size, widths, 3, plain, attention=size // 2)
    for net in (generator, critic):
        (layer,) = [module for module in net.modules() if isinstance(module, SelfAttention)]
        layer.register_forward_hook(lambda _, args, out: seen.append(out.shape[2:]))
    last = critic.body[-2]
    last.register_forward_hook(lambda _, args, out: seen.append(out.shape[2:]))
    x = generator(torch.randn(2, 4))
    assert x.shape == (2, 3, size, size)
    assert x.abs().max() <= 1
    assert critic(x).shape == (2,)
    assert seen == [(size // 2,) * 2, (size // 2,) * 2, (4 * plain,) * 2]


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"attention=32: expected a side among \[8, 16\]"):
        ResNetGenerator(4, (8, 8, 8), 1, attention=32)
    with pytest.raises(ValueError, match="widths="):
        ResNetCritic(16, (8,), 1)


def block(inputs, outputs, norms):
    """A generator's: two norms, two 3x3 convolutions, a shortcut."""
    return norms * (inputs + outputs) + 9 * inputs * outputs + 9 * outputs**2 + inputs * outputs + 3 * outputs


def critic_block(inputs, outputs, hidden, shortcut=True):
    return 9 * inputs * hidden + hidden + 9 * hidden * outputs + outputs + shortcut * (inputs * outputs + outputs)


def attention(c):
    """Queries and keys c / 8, values c / 2, and back, without bias, and gamma."""
    return c * c // 8 * 2 + c * c // 2 * 2 + 1


def test_published_sizes_without_labels():
    """CIFAR-10: 256 channels in G; 128 in D, with two plain blocks. The totals are the published ones."""
    g = (128 + 1) * 16 * 256 + 3 * block(256, 256, norms=2) + 2 * 256 + 9 * 256 * 3 + 3
    d = critic_block(3, 128, 128) + critic_block(128, 128, 128) + 2 * critic_block(128, 128, 128, False) + 128
    assert (g, d) == (4_276_739, 1_053_824)
    with torch.device("meta"):
        assert count(ResNetGenerator(128, (256,) * 4, 3)) == g
        assert count(ResNetCritic(32, (128,) * 4, 3, plain=2, bias=False)) == d


@pytest.mark.parametrize("side", [0, 32])
def test_published_sizes_with_labels(side):
    """ImageNet at 128 pixels: SNGAN with projection, and SAGAN with attention and blocks as wide as their output."""
    up, down = (1024, 1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024, 1024)
    g = (128 + 1) * 16 * 1024 + sum(block(i, o, norms=2 * 1000) for i, o in pairwise(up))
    g += 2 * 64 + 9 * 64 * 3 + 3 + (attention(256) if side else 0)
    inner = [o if side else i for i, o in pairwise(down)]
    d = critic_block(3, 64, 64) + sum(
        critic_block(i, o, h, i != o) for (i, o), h in zip(pairwise(down), inner, strict=True)
    )
    d += 1024 + 1 + 1000 * 1024 + (attention(128) if side else 0)
    with torch.device("meta"):
        assert count(ResNetGenerator(128, up, 3, 1000, side)) == g
        assert count(ProjectionCritic(ResNetCritic(128, down, 3, wide=side > 0, attention=side), 1000)) == d
    assert (g, d) == ((42_078_852, 39_463_618) if side else (41_996_931, 30_041_857))
