"""Inversion of generators whose best latents are known."""

import pytest
import torch
from torch import nn

from saddle.data.spec import Spec
from saddle.evaluation.features.pixels import Pixels
from saddle.latent.inversion import encoder_of, invert, looking
from saddle.networks import Bidirectional, GaussianEncoder


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_linear_generator_is_solved_by_least_squares():
    A, x = randn(6, 3), randn(4, 6, seed=1)
    found = invert(lambda z: z @ A.T, x, randn(2, 4, 3, seed=2), steps=600)
    best = torch.linalg.lstsq(A, x.T).solution.T
    torch.testing.assert_close(found.latents, best, atol=1e-3, rtol=0)
    torch.testing.assert_close(found.pixels, (best @ A.T - x).square().mean(1), atol=1e-5, rtol=0)
    assert found.features.tolist() == [0] * 4
    assert found.losses.shape == (2, 4)


def test_features_weigh_as_they_are_told():
    """With f(x) = B x the loss is a sum of two squares, whose minimum a stacked system gives."""
    A, B, x, weight = randn(6, 3), randn(2, 6, seed=3), randn(1, 6, seed=1), 5.0
    found = invert(lambda z: z @ A.T, x, randn(1, 1, 3, seed=2), 800, look=lambda x: x @ B.T, weight=weight)
    f = B @ x[0]
    scale = (weight / f.square().sum()).sqrt()
    stacked, target = torch.cat([A / 6**0.5, scale * B @ A]), torch.cat([x[0] / 6**0.5, scale * f])
    best = torch.linalg.lstsq(stacked, target[:, None]).solution.T
    torch.testing.assert_close(found.latents, best, atol=2e-3, rtol=0)
    away = (found.samples @ B.T - f).square().sum() / f.square().sum()
    assert float(found.features) == pytest.approx(float(away), rel=1e-4)


def test_the_best_restart_is_kept():
    """(z^2 - 1)^2 + z / 4 has two valleys, the left one deeper."""
    x = torch.zeros(1, 1)

    def make(z):
        return ((z**2 - 1) ** 2 + z / 4 + 1).sqrt()

    found = invert(make, x, torch.tensor([[[1.0]], [[-1.0]]]), steps=200, lr=0.02)
    assert float(found.latents) < -0.9
    assert float(found.losses[1]) < float(found.losses[0])


def test_many_samples_are_each_solved_as_if_alone():
    A, x, starts = randn(5, 2), randn(70, 5, seed=1), randn(1, 70, 2, seed=2)
    together = invert(lambda z: (z @ A.T).tanh(), x, starts, steps=30)
    alone = invert(lambda z: (z @ A.T).tanh(), x[66:67], starts[:, 66:67], steps=30)
    torch.testing.assert_close(together.latents[66:67], alone.latents, atol=1e-5, rtol=0)


def test_no_steps_leave_the_start_and_a_diverging_rate_is_told():
    A, x, starts = randn(5, 2), randn(2, 5, seed=1), randn(1, 2, 2, seed=2)
    assert torch.equal(invert(lambda z: z @ A.T, x, starts, steps=0).latents, starts[0])
    with pytest.raises(ValueError, match="smaller step size"):
        invert(lambda z: (z @ A.T).exp().exp(), x, starts, steps=5, lr=100.0)
    with pytest.raises(ValueError, match="starts"):
        invert(lambda z: z @ A.T, x, starts[:, :1])


def test_an_extractor_can_be_differentiated_through():
    x = (randn(2, 3, 4, 4) / 4).requires_grad_(True)
    rows = looking(Pixels())(x)
    torch.testing.assert_close(rows, (x.flatten(1) + 1) / 2)
    rows.sum().backward()
    torch.testing.assert_close(x.grad, torch.full_like(x, 0.5))


def test_encoders_give_the_mean_of_their_codes(model_of):
    G, E = nn.Linear(2, 3), nn.Linear(3, 4)
    x = randn(5, 3)
    both = model_of(Bidirectional(G, GaussianEncoder(E)), 2, Spec(3))
    encode = encoder_of(both)
    assert encode is not None
    torch.testing.assert_close(encode(x), E(x)[:, :2])
    parts = model_of(nn.ModuleDict({"encoder": GaussianEncoder(E), "decoder": G}), 2, Spec(3))
    torch.testing.assert_close(encoder_of(parts)(x), E(x)[:, :2])
    assert encoder_of(model_of(G, 2, Spec(3))) is None
