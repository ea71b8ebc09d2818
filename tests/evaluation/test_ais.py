"""Annealed importance sampling of generators: closed forms of linear ones, and the bracket."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal

from saddle.evaluation.measures.ais import (
    Noisy,
    anneal,
    anneal_back,
    bracket,
    log_mean_weight,
    sigmoid_schedule,
    tune,
)

A = torch.from_numpy(np.random.RandomState(0).randn(4, 2))
NOISE = 0.3
X = torch.tensor([[1.0, -1.0, 0.5, 0.0]], dtype=torch.float64)
LINEAR = Noisy(lambda z: z @ A.T, 2, NOISE)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def truth(x):
    """x ~ N(0, A A' + s^2 I)."""
    law = MultivariateNormal(torch.zeros(4).double(), A @ A.T + NOISE**2 * torch.eye(4).double())
    return law.log_prob(x)


def weights(temperatures, chains, x=X, model=LINEAR, seed=0):
    rng, betas = seeded(seed), sigmoid_schedule(temperatures)
    return anneal(model, x, betas, tune(model, x, betas, chains, rng), chains, rng)


def test_the_closed_form_s_golden():
    assert float(truth(X)) == pytest.approx(-8.107079364651, rel=1e-11)


@pytest.mark.proves("log-likelihood", "closed form")
def test_a_linear_generator_approaches_its_closed_form():
    found = weights(60, 400)
    shares = (found - found.max()).exp()
    error = float(shares.std() / shares.mean()) / math.sqrt(400)  # of the log of the mean weight
    assert error < 0.2
    assert float(log_mean_weight(found)) == pytest.approx(-8.107079364651, abs=4 * error)


def test_it_approaches_from_below():
    """E log w <= log p(x), and more temperatures bring it nearer."""
    means = [float(weights(count, 200).mean()) for count in (5, 20, 80)]
    assert means == sorted(means)
    assert means[-1] < -8.107079364651
    assert means[-1] > -8.107079364651 - 2.5


def test_every_point_has_its_own_value():
    x = torch.randn(3, 4, generator=seeded(1), dtype=torch.float64)
    found = log_mean_weight(weights(60, 300, x))
    torch.testing.assert_close(found, truth(x), atol=0.6, rtol=0)


def test_without_a_generator_the_weight_is_exact():
    """G = 0: p(x|z) does not depend on z, so every weight is N(x; 0, s^2 I)."""
    still = Noisy(lambda z: 0 * z[:, :1].expand(-1, 4), 2, NOISE)
    exact = -0.5 * float(X.square().sum()) / NOISE**2 - 2 * math.log(2 * math.pi * NOISE**2)
    torch.testing.assert_close(weights(7, 3, model=still), torch.full((3, 1), exact).double())


def test_the_bracket_holds_the_truth_and_closes():
    z = torch.randn(6, 2, generator=seeded(2), dtype=torch.float64)
    wide = bracket(LINEAR, z, sigmoid_schedule(4), 8, seeded(3))
    narrow = bracket(LINEAR, z, sigmoid_schedule(120), 8, seeded(3))
    assert wide.gap > 0.5
    assert abs(narrow.gap) < 0.3


def test_both_ends_of_the_bracket_are_on_their_sides():
    """On average over simulated points: lower <= log p(x) <= upper."""
    z = torch.randn(40, 2, generator=seeded(4), dtype=torch.float64)
    x = z @ A.T + NOISE * torch.randn(40, 4, generator=seeded(5), dtype=torch.float64)
    rng, betas = seeded(6), sigmoid_schedule(10)
    steps = tune(LINEAR, x, betas, 4, rng)
    low = log_mean_weight(anneal(LINEAR, x, betas, steps, 4, rng))
    high = -log_mean_weight(-anneal_back(LINEAR, x, z, betas, steps, 4, rng))
    assert float(low.mean()) < float(truth(x).mean()) < float(high.mean())


def test_a_bent_generator_agrees_with_quadrature():
    """x = sin(2 z) + noise on a line: the integral over z is known to any precision."""
    model = Noisy(lambda z: (2 * z).sin(), 1, 0.2)
    x = torch.tensor([[0.7], [1.1]], dtype=torch.float64)
    z = torch.linspace(-8, 8, 20001, dtype=torch.float64)
    log_joint = -0.5 * ((x - (2 * z).sin()) / 0.2) ** 2 - 0.5 * z**2 - math.log(2 * math.pi * 0.2)
    exact = log_joint.logsumexp(1) + math.log(float(z[1] - z[0]))
    found = log_mean_weight(weights(40, 300, x, model))
    torch.testing.assert_close(found, exact, atol=0.25, rtol=0)


def test_images_in_single_precision():
    """Points of any shape; z is drawn in the precision of x."""
    model = Noisy(lambda z: (z @ A.float().T).view(-1, 1, 2, 2), 2, NOISE)
    x = X.float().view(1, 1, 2, 2)
    assert float(log_mean_weight(weights(60, 300, x, model))) == pytest.approx(-8.107, abs=0.6)


def test_the_generator_s_weights_get_no_gradient():
    layer = torch.nn.Linear(2, 4).double()
    found = weights(3, 2, model=Noisy(layer, 2, NOISE))
    assert not found.requires_grad
    assert layer.weight.grad is None


def test_seeds_repeat():
    assert torch.equal(weights(5, 4, seed=7), weights(5, 4, seed=7))
    assert not torch.equal(weights(5, 4, seed=7), weights(5, 4, seed=8))


def test_schedule():
    """beta_t = (sigm(4 (2t/T - 1)) - sigm(-4)) / (sigm(4) - sigm(-4)): symmetric about 1/2."""
    betas = sigmoid_schedule(10)
    assert float(betas[0]) == 0 and float(betas[-1]) == 1
    torch.testing.assert_close(betas + betas.flip(0), torch.ones(11, dtype=torch.float64))

    def sigm(a):
        return 1 / (1 + math.exp(-a))

    assert float(betas[3]) == pytest.approx((sigm(4 * (0.6 - 1)) - sigm(-4)) / (sigm(4) - sigm(-4)), rel=1e-12)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        Noisy(lambda z: z, 2, 0.0)
    with pytest.raises(ValueError, match="temperatures"):
        sigmoid_schedule(0)
    with pytest.raises(ValueError, match="rise from 0 to 1"):
        tune(LINEAR, X, torch.tensor([0.5, 1.0]), 2, seeded())
    with pytest.raises(ValueError, match="step sizes"):
        anneal(LINEAR, X, sigmoid_schedule(3), torch.ones(2, 1), 2, seeded())
    with pytest.raises(ValueError, match="finite"):
        tune(LINEAR, X * torch.nan, sigmoid_schedule(3), 2, seeded())
