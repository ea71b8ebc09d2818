"""BigGAN's generator: which part of z and y reaches which block."""

from itertools import pairwise

import pytest
import torch

from saddle.networks import BigGANGenerator, ProjectionCritic, ResNetCritic, orthogonal_weights
from saddle.networks.biggan import pieces


def count(net):
    return sum(p.numel() for p in net.parameters())


def small(**settings):
    torch.manual_seed(0)
    return BigGANGenerator(7, (8, 8, 8), 1, classes=3, embedding=5, **settings).eval()


@pytest.mark.parametrize("z_dim, count", [(120, 6), (120, 4), (8, 3), (3, 3)])
def test_pieces_are_all_of_z_and_almost_equal(z_dim, count):
    lengths = pieces(z_dim, count)
    assert (sum(lengths), len(lengths)) == (z_dim, count)
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] - lengths[-1] <= 1


def test_a_z_too_short_for_its_pieces_is_refused():
    with pytest.raises(ValueError, match="z_dim=2: expected 3 or more"):
        pieces(2, 3)


def alone(net, z, y):
    """The sample of each z and y, and the maps on its way, one by one: in a batch rounding depends on the place."""
    maps = {layer: [] for layer in (net.project, *net.stages)}
    for layer, seen in maps.items():
        layer.register_forward_hook(lambda _, args, out, seen=seen: seen.append(out))
    samples = [net(z[i : i + 1].clone(), y[i : i + 1].clone()) for i in range(len(z))]
    return samples, list(maps.values())


@pytest.mark.parametrize("place, unmoved", [(0, 0), (4, 1), (6, 2)])
def test_a_piece_of_z_enters_at_its_block(place, unmoved):
    """Pieces 3, 2, 2: what comes before the block that is told a number does not move, what comes after does."""
    net, z, y = small(), torch.randn(1, 7).repeat(2, 1), torch.tensor([1, 1])
    z[1, place] += 1.0
    _, maps = alone(net, z, y)
    assert [torch.equal(*out) for out in maps] == [k < unmoved for k in range(3)]


def test_a_label_reaches_every_block_by_one_row():
    """Of two labels with equal rows samples are equal; the first map knows no label, the blocks do."""
    net, z = small(), torch.randn(1, 7).repeat(2, 1)
    _, maps = alone(net, z, torch.tensor([0, 2]))
    assert [torch.equal(*out) for out in maps] == [True, False, False]
    with torch.no_grad():
        net.shared.weight[2] = net.shared.weight[0]
    assert torch.equal(*alone(net, z, torch.tensor([0, 2]))[0])
    assert not torch.equal(*alone(net, z, torch.tensor([0, 1]))[0])


def test_a_block_is_told_the_row_and_its_piece():
    """Gain 1 + A [e(y), z_k] and bias B [e(y), z_k] around the norm of the block."""
    net, z, y = small(), torch.randn(2, 7), torch.tensor([2, 0])
    seen = {}
    norm = net.stages[1][0].norm1
    norm.register_forward_hook(lambda _, args, out: seen.update(x=args[0], out=out.clone()))
    net(z, y)
    c = torch.cat([net.shared.weight[y], z[:, 5:]], dim=1)
    gain, bias = 1 + c @ norm.gain.weight.T, c @ norm.bias.weight.T
    x = seen["x"] / (1 + norm.norm.eps) ** 0.5  # running statistics are 0 and 1 before any training
    torch.testing.assert_close(seen["out"], gain[:, :, None, None] * x + bias[:, :, None, None])


def test_weights_start_orthogonal():
    """Rows where there are fewer of them than columns, else columns; and biases 0."""
    critic = ResNetCritic(16, (4, 6, 8), 1)
    orthogonal_weights(critic)
    for net in (critic, small(attention=8)):
        for name, weight in net.named_parameters():
            if weight.dim() >= 2:
                rows = weight.detach().flatten(1)
                products = rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows
                torch.testing.assert_close(products, torch.eye(len(products)), atol=1e-5, rtol=0)
            assert weight.dim() != 1 or not name.endswith("bias") or not weight.any()


def test_published_sizes():
    """ImageNet at 128 pixels with 96 channels and z 120 in six pieces, counted by hand."""
    ch = [96 * k for k in (16, 16, 8, 4, 2, 1)]
    told = 2 * (128 + 20)
    g = 1000 * 128 + (20 + 1) * 16 * ch[0] + 2 * 96 + 9 * 96 * 3 + 3
    for i, o in pairwise(ch):
        g += told * (i + o) + 9 * i * o + 9 * o * o + i * o + 3 * o
    g += 2 * 192 * 192 // 8 + 2 * 192 * 192 // 2 + 1  # attention at 64x64
    d = 1000 * 1536 + 1536 + 1
    for i, o in zip([3, 96, 192, 384, 768, 1536], [96, 192, 384, 768, 1536, 1536], strict=True):
        d += 9 * i * o + 9 * o * o + 2 * o + (i * o + o if i != o else 0)
    d += 2 * 96 * 96 // 8 + 2 * 96 * 96 // 2 + 1
    assert (g, d) == (70_433_988, 87_982_370)
    with torch.device("meta"):
        critic = ResNetCritic(128, [*ch[:0:-1], 1536], 3, wide=True, attention=64)
        assert count(BigGANGenerator(120, ch, 3, 1000, attention=64)) == g
        assert count(ProjectionCritic(critic, 1000)) == d
