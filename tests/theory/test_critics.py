"""The best critics: the value of the game at D*, the f-divergence at T*, and that nothing beats them."""

import math

import pytest
import torch

from saddle.data.toys import mixture1d
from saddle.objectives import DIVERGENCES, minimax_critic
from saddle.theory import critics, gaussians, quadrature
from saddle.theory.gaussians import normal
from saddle.theory.quadrature import uniform

P, Q = normal(1.0, 1.0), normal(-0.5, 1.2)
X = torch.linspace(-4, 4, 9, dtype=torch.float64)[:, None]


def test_optimal_discriminator_is_the_share_of_the_data():
    p, q = P.log_density(X).exp(), Q.log_density(X).exp()
    torch.testing.assert_close(critics.optimal_discriminator(P, Q)(X), p / (p + q))
    torch.testing.assert_close(critics.optimal_discriminator(P, P)(X), torch.full((9,), 0.5, dtype=torch.float64))


@pytest.mark.parametrize("pair", [(P, Q), (normal([0.0, 1.0]), normal([1.0, 1.0], 0.8))], ids=["line", "plane"])
def test_value_at_the_optimum_is_the_criterion(pair):
    """C(G) = V(D*, G) = 2 JSD - log 4, computed three ways."""
    reached = critics.value_function(*pair, critics.optimal_logit(*pair), 1e-8).value
    assert reached == pytest.approx(critics.criterion(*pair, 1e-8).value, abs=1e-6)
    assert reached == pytest.approx(2 * quadrature.js(*pair, 1e-8).value - math.log(4), abs=1e-6)


def test_no_other_discriminator_is_worth_more():
    best = critics.optimal_logit(P, Q)
    most = critics.value_function(P, Q, best).value
    for other in (lambda x: best(x) + 0.1, lambda x: 0.9 * best(x), lambda x: best(x) + 0.2 * x[:, 0].sin()):
        assert critics.value_function(P, Q, other).value < most - 1e-5


def test_criterion_runs_from_minus_log_4_to_0():
    assert critics.criterion(P, P).value == pytest.approx(-math.log(4), abs=1e-9)
    assert critics.criterion(uniform(0.0, 1.0), uniform(2.0, 3.0)).value == pytest.approx(0, abs=1e-9)
    assert critics.criterion(normal(0.0), normal(60.0)).value == pytest.approx(0, abs=1e-9)


def test_the_critic_loss_of_the_library_is_minus_the_value(rng):
    """minimax_critic estimates -V from samples: 40,000 of them come within four standard errors."""
    data = mixture1d((-2.0, 2.0))
    x, fake = data.sample(40_000, rng).x.double(), torch.randn(40_000, 1, generator=rng).double()
    logit = critics.optimal_logit(data, normal(0.0))
    loss = sum(minimax_critic(logit(x), logit(fake)).values())
    assert -float(loss) == pytest.approx(critics.value_function(data, normal(0.0), logit).value, abs=0.02)


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_bound_is_reached_at_the_optimal_critic(name):
    p, q = normal(0.5, 1.0), normal(0.0, 0.9)  # either way the chi-squares are finite
    reached = quadrature.divergence(name, p, q).value
    best = critics.optimal_critic(name, p, q)
    assert critics.variational_bound(name, p, q, best).value == pytest.approx(reached, abs=1e-6)
    lower = critics.variational_bound(name, p, q, lambda x: best(x) - 0.05 * (1 + x[:, 0].cos())).value
    assert lower < reached - 1e-5


def test_where_neither_lives_the_critic_has_no_opinion():
    logit = critics.optimal_logit(uniform(0.0, 1.0), uniform(2.0, 3.0))
    assert logit(torch.tensor([[0.5], [1.5], [2.5]])).tolist() == [math.inf, 0.0, -math.inf]


@pytest.mark.parametrize("name", ["total-variation", "kl", "gan"])
def test_the_bound_is_reached_between_gaussians_of_other_widths(name):
    p, q = gaussians.normal(0.0), gaussians.normal(1.0, 1.2)
    bound = critics.variational_bound(name, p, q, critics.optimal_critic(name, p, q))
    assert bound.value == pytest.approx(quadrature.divergence(name, p, q).value, abs=1e-6)
