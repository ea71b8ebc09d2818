"""Closed forms between Gaussians: against numerical integrals, limits, invariances and other ways to write them."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from saddle.objectives import gaussian_kl
from saddle.theory import gaussians
from saddle.theory.gaussians import Gaussian, normal

ONE, OTHER = normal(0.3, 1.0), normal(-0.8, 1.3)
A = Gaussian(torch.tensor([0.0, 1.0, -1.0]), torch.tensor([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.7]]))
B = Gaussian(torch.tensor([0.5, 0.0, -0.4]), torch.tensor([[1.5, -0.2, 0.0], [-0.2, 1.2, 0.1], [0.0, 0.1, 0.9]]))


def integral(f):
    return quad(f, -30, 30, epsabs=1e-13, epsrel=1e-13, limit=400)[0]


@pytest.mark.parametrize(
    "closed, integrand",
    [
        (gaussians.kl, lambda p, q, x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x))),
        (gaussians.cross_entropy, lambda p, q, x: -p.pdf(x) * q.logpdf(x)),
        (gaussians.squared_hellinger, lambda p, q, x: (math.sqrt(p.pdf(x)) - math.sqrt(q.pdf(x))) ** 2),
        (gaussians.chi2, lambda p, q, x: math.exp(2 * p.logpdf(x) - q.logpdf(x)) - p.pdf(x)),
    ],
)
def test_on_the_line_they_are_the_integrals(closed, integrand):
    p, q = norm(0.3, 1.0), norm(-0.8, 1.3)
    assert closed(ONE, OTHER) == pytest.approx(integral(lambda x: integrand(p, q, x)), abs=1e-9)


def test_entropy_and_density_agree_with_scipy():
    trusted = multivariate_normal(A.mean.numpy(), A.covariance.numpy())
    x = torch.tensor([[0.1, -0.7, 2.0], [1.0, 1.0, 1.0]])
    assert gaussians.entropy(A) == pytest.approx(trusted.entropy(), abs=1e-12)
    assert A.log_density(x).tolist() == pytest.approx(trusted.logpdf(x.numpy()).tolist(), abs=1e-9)


def test_cross_entropy_is_entropy_plus_kl():
    assert gaussians.cross_entropy(A, B) == pytest.approx(gaussians.entropy(A) + gaussians.kl(A, B), abs=1e-12)


def test_kl_has_the_half_that_the_vae_has():
    mean, log_var = torch.tensor([[0.5, -1.0]]), torch.tensor([[0.2, -0.7]])
    p = normal([0.5, -1.0], (log_var[0] / 2).exp().tolist())
    assert gaussians.kl(p, normal([0.0, 0.0])) == pytest.approx(float(gaussian_kl(mean, log_var)), abs=1e-6)


@pytest.mark.parametrize("name", ["kl", "squared_hellinger", "chi2"])
def test_divergences_do_not_see_linear_changes_of_variable(name):
    """An f-divergence is the same in any coordinates; these mix all three."""
    M = torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.5, -1.0], [0.3, 0.0, 1.0]], dtype=torch.float64)
    images = [Gaussian(M @ g.mean, M @ g.covariance @ M.T) for g in (A, B)]
    closed = getattr(gaussians, name)
    assert closed(*images) == pytest.approx(closed(A, B), rel=1e-9)


def test_independent_coordinates_add_kl_and_multiply_the_others():
    p, q = normal([0.0, 1.0], [1.0, 0.5]), normal([0.4, 0.8], [1.2, 0.6])
    pairs = [(normal(0.0, 1.0), normal(0.4, 1.2)), (normal(1.0, 0.5), normal(0.8, 0.6))]
    assert gaussians.kl(p, q) == pytest.approx(sum(gaussians.kl(*pair) for pair in pairs), abs=1e-12)
    assert 1 + gaussians.chi2(p, q) == pytest.approx(math.prod(1 + gaussians.chi2(*pair) for pair in pairs), abs=1e-12)
    affinities = math.prod(1 - gaussians.squared_hellinger(*pair) / 2 for pair in pairs)
    assert 1 - gaussians.squared_hellinger(p, q) / 2 == pytest.approx(affinities, abs=1e-12)


def test_w2_between_diagonal_and_between_rotated_gaussians():
    p, q = normal([0.0, 1.0], [1.0, 2.0]), normal([3.0, 5.0], [2.0, 0.5])
    apart = math.sqrt(3**2 + 4**2 + 1**2 + 1.5**2)
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    assert gaussians.w2(p, q) == pytest.approx(apart, abs=1e-12)
    turned = [Gaussian(turn @ g.mean, turn @ g.covariance @ turn.T) for g in (p, q)]
    assert gaussians.w2(*turned) == pytest.approx(apart, abs=1e-12)
    assert gaussians.w2(A, A) == pytest.approx(0, abs=1e-12)


def test_w2_of_covariances_that_do_not_commute_is_the_trace_formula():
    values = np.linalg.eigvals(A.covariance.numpy() @ B.covariance.numpy())  # as those of A^(1/2) B A^(1/2)
    squared = float((A.mean - B.mean).square().sum() + A.covariance.trace() + B.covariance.trace())
    assert gaussians.w2(A, B) == pytest.approx(math.sqrt(squared - 2 * np.sqrt(values.real).sum()), abs=1e-9)


def test_limits_are_infinite_where_the_integral_is():
    assert gaussians.chi2(normal(0.0, 1.5), normal(0.0, 1.0)) == math.inf  # 1.5^2 > 2
    assert gaussians.chi2(normal(0.0, 1.4), normal(0.0, 1.0)) < math.inf
    assert gaussians.squared_hellinger(normal(0.0), normal(1000.0)) == 2.0
    assert gaussians.total_variation(normal(0.0), normal(1000.0)) == 1.0


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: normal(0.0, -1.0), r"sigma=-1\.0: expected a standard deviation above 0"),
        (lambda: Gaussian(torch.zeros(2), torch.ones(2, 2)), "expected a symmetric matrix with eigenvalues above 0"),
        (lambda: gaussians.kl(normal(0.0), normal([0.0, 1.0])), r"dimensions of p and q=\(1, 2\)"),
        (lambda: gaussians.total_variation(normal(0.0), normal(0.0, 2.0)), "quadrature.divergence"),
    ],
)
def test_mistakes_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
