"""Wasserstein distances: closed forms on the line, the linear programme against matchings, duality, critics."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import wasserstein_distance

from saddle.data.toys import mixture1d
from saddle.theory import gaussians, transport
from saddle.theory.gaussians import normal
from saddle.theory.transport import distances, dual_critic, lipschitz_constant, optimal_transport, wasserstein_1d


def uniform(n):
    return torch.full((n,), 1 / n, dtype=torch.float64)


def draw(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def test_samples_on_the_line_agree_with_scipy(rng):
    x, y, w = draw(rng, 17), draw(rng, 23) * 2 + 1, torch.rand(23, generator=rng, dtype=torch.float64)
    assert wasserstein_1d(x, y) == pytest.approx(wasserstein_distance(x, y), abs=1e-12)
    assert wasserstein_1d(x, y, y_weights=w) == pytest.approx(wasserstein_distance(x, y, None, w), abs=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_equal_samples_are_matched_in_order(order, rng):
    x, y = draw(rng, 40), draw(rng, 40)
    expected = float((x.sort().values - y.sort().values).abs().pow(order).mean() ** (1 / order))
    assert wasserstein_1d(x, y, order) == pytest.approx(expected, abs=1e-12)
    assert wasserstein_1d(x + 5, x, order) == pytest.approx(5, abs=1e-12)


def test_repeating_samples_or_weighting_them_is_the_same(rng):
    x, y, counts = draw(rng, 3), draw(rng, 5), torch.tensor([1, 3, 2])
    repeated = wasserstein_1d(x.repeat_interleave(counts), y, 2)
    assert wasserstein_1d(x, y, 2, x_weights=counts) == pytest.approx(repeated, abs=1e-12)


@pytest.mark.parametrize("order", [1, 2])
def test_line_and_linear_programme_agree(order, rng):
    x, y = draw(rng, 9), draw(rng, 12) + 1
    a, b = torch.rand(9, generator=rng).double(), torch.rand(12, generator=rng).double()
    a, b = a / a.sum(), b / b.sum()
    found = optimal_transport(a, b, distances(x[:, None], y[:, None]) ** order)
    assert found.cost ** (1 / order) == pytest.approx(wasserstein_1d(x, y, order, a, b), abs=1e-9)


def test_primal_is_dual_and_prices_prove_the_plan(rng):
    x, y = draw(rng, 14, 2), draw(rng, 20, 2) + 0.5
    cost = distances(x, y)
    found = optimal_transport(uniform(14), uniform(20), cost)
    assert found.cost == pytest.approx(found.dual, abs=1e-8)
    assert found.plan.sum(1).tolist() == pytest.approx([1 / 14] * 14, abs=1e-9)
    assert found.plan.sum(0).tolist() == pytest.approx([1 / 20] * 20, abs=1e-9)
    assert float(found.plan.min()) >= -1e-12
    slack = cost - found.u[:, None] - found.v
    assert float(slack.min()) >= -1e-8
    assert float((found.plan * slack).sum()) == pytest.approx(0, abs=1e-8)  # mass goes only where prices are exact


def test_equal_clouds_are_a_matching(rng):
    cost = distances(draw(rng, 15, 3), draw(rng, 15, 3))
    rows, columns = linear_sum_assignment(cost.numpy())
    assert optimal_transport(uniform(15), uniform(15), cost).cost == pytest.approx(
        float(cost[rows, columns].mean()), abs=1e-9
    )


def test_the_dual_critic_is_one_lipschitz_everywhere_and_reaches_w1(rng):
    x, y = draw(rng, 14, 2), draw(rng, 20, 2) * 0.5 + 1
    found = optimal_transport(uniform(14), uniform(20), distances(x, y))
    critic = dual_critic(found, y)
    assert float(critic(x).mean() - critic(y).mean()) == pytest.approx(found.cost, abs=1e-8)
    elsewhere = torch.cat([x, y, 3 * draw(rng, 200, 2)])
    assert 1 - 1e-6 <= lipschitz_constant(critic, elsewhere) <= 1 + 1e-9


def test_no_one_lipschitz_critic_does_better(rng):
    x, y = draw(rng, 10, 2), draw(rng, 10, 2) + 1
    best = optimal_transport(uniform(10), uniform(10), distances(x, y)).cost
    for _ in range(20):
        direction = torch.nn.functional.normalize(draw(rng, 2), dim=0)
        assert float((x @ direction).mean() - (y @ direction).mean()) <= best + 1e-12


def test_densities_on_the_line_have_their_closed_forms():
    for p, q in [(normal(0.0, 1.0), normal(3.0, 2.5)), (normal(-1.0, 0.01), normal(2.0, 1.0))]:
        assert transport.wasserstein_densities(p, q, 2).value == pytest.approx(gaussians.w2(p, q), abs=1e-6)
    scaled = transport.wasserstein_densities(normal(0.0, 1.0), normal(0.0, 3.0))
    assert scaled.value == pytest.approx(2 * math.sqrt(2 / math.pi), abs=1e-6)  # E|z|, times the difference of scales
    assert transport.wasserstein_densities(normal(0.0), normal(1e4)).value == pytest.approx(1e4, rel=1e-9)


def test_a_split_mode_travels_half_each_way():
    """From 0 to +-10 every bit of mass goes 10, but for the overlap in widths, which cancels: W1 = 10 by symmetry."""
    split, whole = mixture1d((-10.0, 10.0), 0.5), normal(0.0, 0.5)
    assert transport.wasserstein_densities(split, whole).value == pytest.approx(
        transport.wasserstein_quantiles(
            lambda u: transport.mixture_quantile(split, u), lambda u: transport.mixture_quantile(whole, u)
        ).value,
        abs=1e-6,
    )
    u = torch.tensor([1e-9, 0.2, 0.5, 0.7, 1 - 1e-9], dtype=torch.float64)
    assert transport.mixture_cdf(split, transport.mixture_quantile(split, u)).tolist() == pytest.approx(u.tolist())


def test_distance_to_many_samples_approaches_that_to_the_density():
    u = (np.arange(4000) + 0.5) / 4000
    p, q = normal(0.0), mixture1d((-1.0, 2.0), 0.5, (1, 2))
    samples = [transport.mixture_quantile(density, torch.from_numpy(u)) for density in (p, q)]
    assert wasserstein_1d(*samples) == pytest.approx(transport.wasserstein_densities(p, q).value, abs=1e-3)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: wasserstein_1d(torch.zeros(3), torch.zeros(2), order=0.5), r"order=0\.5: expected 1 or more"),
        (lambda: wasserstein_1d(torch.zeros(0), torch.zeros(2)), r"x=\(0,\): expected finite numbers"),
        (lambda: wasserstein_1d(torch.zeros(2), torch.zeros(2), x_weights=torch.zeros(2)), "x_weights"),
        (lambda: optimal_transport(uniform(2), uniform(3), torch.zeros(3, 2)), r"cost=\(3, 2\): expected \(2, 3\)"),
        (lambda: optimal_transport(torch.ones(2), uniform(2), torch.zeros(2, 2)), "a=masses that sum to 2"),
        (lambda: optimal_transport(uniform(1), uniform(1), torch.tensor([[math.inf]])), "expected finite costs"),
        (lambda: transport.mixture_quantile(normal(0.0), torch.tensor([1.0])), "strictly between 0 and 1"),
        (lambda: transport.wasserstein_densities(normal([0.0, 0.0]), normal(0.0)), "dimensions=2: expected 1"),
    ],
)
def test_mistakes_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
