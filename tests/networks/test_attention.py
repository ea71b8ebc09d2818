"""Self-attention against loops over places."""

import pytest
import torch

from saddle.networks import SelfAttention, spectral_norm
from saddle.objectives import r1


def awake(channels=8):
    layer = SelfAttention(channels).double()
    torch.nn.init.constant_(layer.gamma, 0.7)
    return layer


def blocks(side):
    return [slice(i, min(i + 2, side)) for i in range(0, side, 2)]


@pytest.mark.parametrize("sides", [(4, 4), (2, 6), (3, 5)])
def test_attention_is_its_formula(sides):
    """Odd sides: the last row or column is pooled alone."""
    layer, x = awake(), torch.randn(2, 8, *sides, dtype=torch.float64)
    f, g, h = (torch.einsum("oc,nchw->nohw", w.weight[:, :, 0, 0], x) for w in (layer.f, layer.g, layer.h))
    expected = torch.empty_like(x)
    for n in range(2):
        places = [(r, c) for r in blocks(sides[0]) for c in blocks(sides[1])]
        keys = [f[n, :, r, c].amax((1, 2)) for r, c in places]
        values = [h[n, :, r, c].amax((1, 2)) for r, c in places]
        for i in range(sides[0]):
            for j in range(sides[1]):
                weights = torch.stack([torch.exp(k @ g[n, :, i, j]) for k in keys])
                o = sum(w / weights.sum() * v for w, v in zip(weights, values, strict=True))
                expected[n, :, i, j] = x[n, :, i, j] + 0.7 * layer.v.weight[:, :, 0, 0] @ o
    torch.testing.assert_close(layer(x), expected)


def test_attention_starts_as_the_identity_that_learns():
    """gamma = 0 has a gradient; the convolutions behind it get none yet."""
    layer, x = SelfAttention(16), torch.randn(2, 16, 4, 4)
    assert torch.equal(layer(x), x)
    gamma, f = torch.autograd.grad(layer(x).square().sum(), [layer.gamma, layer.f.weight])
    assert gamma.abs() > 0
    assert (f == 0).all()
    assert layer.f.weight.shape == layer.g.weight.shape == (2, 16, 1, 1)
    assert layer.h.weight.shape == (8, 16, 1, 1)


def test_attention_reaches_the_far_corner_and_no_other_sample():
    layer, x = awake(), torch.randn(2, 8, 6, 6, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(layer(x)[0, :, 0, 0].sum(), x)
    assert slope[0, :, 5, 5].abs().sum() + slope[0, :, 4, 4].abs().sum() > 0
    assert (slope[1] == 0).all()


def test_first_and_second_derivatives():
    layer, x = awake(), torch.randn(1, 8, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, x)
    assert torch.autograd.gradgradcheck(layer, x)


def test_a_penalty_reaches_its_weights_under_spectral_norm():
    layer = spectral_norm(awake())
    value = r1(lambda x: layer(x).square().sum((1, 2, 3)), torch.randn(3, 8, 4, 4, dtype=torch.float64))
    assert all(g.abs().max() > 0 for g in torch.autograd.grad(value, list(layer.parameters())))


def test_too_few_channels_are_refused():
    with pytest.raises(ValueError, match="channels=4"):
        SelfAttention(4)
