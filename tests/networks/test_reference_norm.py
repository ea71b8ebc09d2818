"""Reference and virtual batch norm: equal to batch norm on the reference, and to their formulas on the rest."""

import pytest
import torch
from torch import nn

from saddle.networks import DCGANCritic, DCGANGenerator, Referenced, ReferenceNorm, VirtualNorm, referenced
from saddle.objectives import r1


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def with_random_gains(layer):
    for p in layer.parameters():
        nn.init.normal_(p)
    return layer.double()


@pytest.mark.parametrize("shape", [(6, 3), (6, 3, 2, 2)])
@pytest.mark.parametrize("norm", [ReferenceNorm, VirtualNorm])
def test_the_reference_batch_is_normalised_as_by_batch_norm(norm, shape):
    layer, x = with_random_gains(norm(3, reference=6)), 3 * double(*shape) + 1
    batch_norm = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(3).double()
    batch_norm.load_state_dict({"weight": layer.weight, "bias": layer.bias}, strict=False)
    torch.testing.assert_close(layer(x), batch_norm(x))
    torch.testing.assert_close(layer(torch.cat([x, double(*shape)]))[:6], batch_norm(x))


@pytest.mark.parametrize("places", [(), (2, 2)])
def test_reference_norm_takes_no_notice_of_the_samples(places):
    layer, reference, x = with_random_gains(ReferenceNorm(3, 6)), double(6, 3, *places), double(4, 3, *places)
    rows = reference.movedim(1, -1).reshape(-1, 3)
    mean, var = (s.view(3, *(1 for _ in places)) for s in (rows.mean(0), rows.var(0, correction=0)))
    gain, bias = (p.view(3, *(1 for _ in places)) for p in (layer.weight, layer.bias))
    torch.testing.assert_close(layer(torch.cat([reference, x]))[6:], gain * (x - mean) / (var + 1e-5).sqrt() + bias)


@pytest.mark.parametrize("places", [(), (2, 2)])
def test_virtual_norm_counts_a_sample_as_one_more_row(places):
    """The moments of R + 1 rows, places of all rows together."""
    layer, reference, x = with_random_gains(VirtualNorm(3, 6)), double(6, 3, *places), double(4, 3, *places)
    out = layer(torch.cat([reference, x]))
    for i in range(4):
        joint = torch.cat([reference, x[i : i + 1]]).movedim(1, -1).reshape(-1, 3)
        mean, var = (s.view(3, *(1 for _ in places)) for s in (joint.mean(0), joint.var(0, correction=0)))
        gain, bias = (p.view(3, *(1 for _ in places)) for p in (layer.weight, layer.bias))
        torch.testing.assert_close(out[6 + i], gain * (x[i] - mean) / (var + 1e-5).sqrt() + bias)


@pytest.mark.parametrize("norm", [ReferenceNorm, VirtualNorm])
def test_a_sample_alone_is_as_in_company(norm):
    torch.manual_seed(0)
    G = referenced(DCGANGenerator(6, 16, 1, 4), torch.randn(5, 6), norm=norm)
    z = torch.randn(4, 6)
    torch.testing.assert_close(G(z)[2:3], G(z[2:3]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(G(z), G.eval()(z))


@pytest.mark.parametrize("norm", [ReferenceNorm, VirtualNorm])
def test_a_network_given_its_reference_batch_is_the_network_with_batch_norm(norm):
    """All the way through: the reference rows of a referenced network are what batch norm makes of them."""
    net, x = DCGANCritic(16, 1, 4), torch.randn(6, 1, 16, 16)
    before = net(x)
    D = referenced(net, x, norm=norm)
    torch.testing.assert_close(D.net(x), before, rtol=1e-4, atol=1e-6)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in D.modules())


def test_weights_are_handed_on_and_the_reference_is_saved():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    gain, x = net[1].weight, torch.randn(4, 2)
    D = referenced(net, x)
    assert D.net[1].weight is gain
    assert torch.equal(D.state_dict()["reference0"], x)


def test_labels_have_a_reference_too():
    class Sum(nn.Module):
        def forward(self, x, y):
            return x.sum(1) + y

    D = Referenced(Sum(), torch.zeros(3, 2), torch.zeros(3))
    assert D(torch.ones(4, 2), torch.arange(4.0)).tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize("norm", [ReferenceNorm, VirtualNorm])
def test_first_and_second_derivatives(norm):
    layer, reference = with_random_gains(norm(2, reference=3)), double(3, 2, 2)
    x = torch.cat([reference, double(2, 2, 2)]).requires_grad_(True)
    assert torch.autograd.gradcheck(layer, x)
    assert torch.autograd.gradgradcheck(layer, x)


def test_a_gradient_penalty_is_one_on_each_sample():
    """What batch norm forbids: a sample's gradient does not depend on the others."""
    D = referenced(nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1)), torch.randn(5, 2))
    x = torch.randn(6, 2)
    torch.testing.assert_close(r1(D, x), torch.stack([r1(D, row[None]) for row in x]).mean())


def test_gradients_flow_through_the_statistics():
    """A shift before the norm moves reference and samples alike, so it has no effect and no gradient."""
    net = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4)).double()
    D = referenced(net, double(5, 2), norm=ReferenceNorm)
    (slope,) = torch.autograd.grad(D(double(6, 2)).square().sum(), net[0].bias)
    assert slope.abs().max() < 1e-10


def test_what_has_no_reference_is_refused():
    with pytest.raises(ValueError, match="batch norms inside"):
        referenced(nn.Linear(2, 2), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="one batch"):
        Referenced(nn.Identity(), torch.zeros(3, 2), torch.zeros(4))
    with pytest.raises(ValueError, match="one batch"):
        Referenced(nn.Identity())
    with pytest.raises(ValueError, match="reference=0"):
        VirtualNorm(3, 0)
