"""Minibatch discrimination and minibatch standard deviation against their formulas, symmetry and second derivatives."""

import pytest
import torch

from saddle.networks import MinibatchDiscrimination, MinibatchStdDev


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def test_discrimination_is_its_formula():
    layer, f = MinibatchDiscrimination(4, kernels=3, dims=2).double(), double(5, 4)
    out = layer(f)
    assert torch.equal(out[:, :4], f)
    for i in range(5):
        for b in range(3):
            others = (j for j in range(5) if j != i)
            direct = sum(torch.exp(-((f[i] - f[j]) @ layer.T[:, b]).abs().sum()) for j in others)
            assert out[i, 4 + b].item() == pytest.approx(direct.item(), rel=1e-12)


def test_discrimination_tells_a_collapsed_batch():
    """N - 1 for equal samples, less for spread ones, 0 for a sample alone."""
    layer = MinibatchDiscrimination(4, kernels=3, dims=2)
    assert torch.equal(layer(torch.ones(6, 4))[:, 4:], torch.full((6, 3), 5.0))
    assert (layer(torch.randn(6, 4))[:, 4:] < 5).all()
    assert torch.equal(layer(torch.randn(1, 4))[:, 4:], torch.zeros(1, 3))


def test_discrimination_keeps_small_similarities():
    """exp(-40) beside 1: taken from a sum that includes the sample itself it would be rounded away."""
    layer = MinibatchDiscrimination(1, kernels=1, dims=1)
    torch.nn.init.ones_(layer.T)
    out = layer(torch.tensor([[0.0], [40.0]]))
    torch.testing.assert_close(out[:, 1], torch.exp(torch.tensor([-40.0, -40.0])))


def test_discrimination_matches_the_scale_of_features():
    layer, f = MinibatchDiscrimination(8, kernels=3, dims=2).double(), 30 * double(16, 8)
    layer.match_scale(f, distance=0.5)
    for b in range(3):
        m = f @ layer.T[:, b].detach()
        nearest = [min((m[i] - m[j]).abs().sum().item() for j in range(16) if j != i) for i in range(16)]
        assert sum(nearest) / 16 == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (MinibatchDiscrimination(3, 2, 2), (5, 3)),
        (MinibatchStdDev(group=8), (5, 3)),
        (MinibatchStdDev(group=8), (4, 3, 2, 2)),
    ],
)
def test_a_permuted_batch_gives_permuted_outputs(layer, shape):
    x, order = torch.randn(shape), torch.randperm(shape[0])
    torch.testing.assert_close(layer(x)[order], layer(x[order]))


@pytest.mark.parametrize(("n", "group"), [(8, 4), (8, 2), (6, 3), (4, 4), (4, 1)])
def test_std_dev_is_its_formula_where_groups_divide_the_batch(n, group):
    """Sample n is in group n mod M, as in the reshaping (group, M, C, H, W)."""
    x = double(n, 3, 2, 2)
    out, groups = MinibatchStdDev(group)(x), n // group
    assert torch.equal(out[:, :3], x)
    for i in range(n):
        members = x[[j for j in range(n) if j % groups == i % groups]]
        direct = (members.var(0, correction=0) + 1e-8).sqrt().mean()
        torch.testing.assert_close(out[i, 3], direct.expand(2, 2))


def test_std_dev_takes_any_batch():
    """7 samples in groups of 3 are 2 groups of 4 and 3; 2 samples in a group of 4 are one."""
    x = double(7, 3)
    out = MinibatchStdDev(3)(x)
    for i in range(7):
        direct = (x[i % 2 :: 2].var(0, correction=0) + 1e-8).sqrt().mean()
        assert out[i, 3].item() == pytest.approx(direct.item())
    x = x[:2]
    assert MinibatchStdDev(4)(x)[:, 3].tolist() == pytest.approx([x.var(0, correction=0).sqrt().mean().item()] * 2)


def test_std_dev_of_a_collapsed_batch_is_almost_zero_with_a_finite_slope():
    x = torch.ones(4, 3, requires_grad=True)
    column = MinibatchStdDev()(x)[:, 3]
    assert torch.allclose(column, torch.tensor(1e-4))
    (slope,) = torch.autograd.grad(column.sum(), x)
    assert slope.isfinite().all()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (MinibatchDiscrimination(3, 2, 2).double(), (4, 3)),
        (MinibatchStdDev(2).double(), (5, 3)),
        (MinibatchStdDev(2).double(), (4, 2, 2, 2)),
    ],
)
def test_first_and_second_derivatives(layer, shape):
    x = double(*shape).requires_grad_(True)
    assert torch.autograd.gradcheck(layer, x)
    assert torch.autograd.gradgradcheck(layer, x)


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ValueError, match="kernels=0"):
        MinibatchDiscrimination(3, kernels=0)
    with pytest.raises(ValueError, match="group=0"):
        MinibatchStdDev(0)
    layer = MinibatchDiscrimination(3)
    with pytest.raises(ValueError, match="rows=1"):
        layer.match_scale(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="all alike"):
        layer.match_scale(torch.zeros(4, 3))
    with pytest.raises(ValueError, match="distance=0"):
        layer.match_scale(torch.randn(4, 3), distance=0)
