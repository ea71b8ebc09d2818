"""Likelihoods against torch.distributions, and the lower bound against an exactly solvable model."""

import math

import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss
from torch.distributions import Bernoulli, Normal, kl_divergence

from saddle.objectives.likelihood import bernoulli_nll, elbo, gaussian_kl, gaussian_nll


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def test_gaussian_kl_agrees_with_torch_and_has_the_factor_one_half():
    mean, log_variance = normal(6, 3), normal(6, 3) * 2
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), expected)
    assert gaussian_kl(torch.tensor([[3.0]]), torch.zeros(1, 1)).item() == 4.5


def test_gaussian_kl_keeps_its_precision_beside_the_prior():
    """Near log sigma^2 = 0 the sum is (log sigma^2)^2 / 4 to second order, far below float32's rounding of 1."""
    small = torch.full((1, 1), 1e-3)
    assert gaussian_kl(torch.zeros(1, 1), small).item() == pytest.approx(1e-6 / 4, rel=1e-3)
    assert gaussian_kl(torch.zeros(2, 3), torch.zeros(2, 3)).tolist() == [0.0, 0.0]


def test_gaussian_kl_is_never_negative_and_least_at_the_prior():
    assert bool((gaussian_kl(normal(50, 4), normal(50, 4) * 5) >= 0).all())
    mean, log_variance = (torch.zeros(1, 4, requires_grad=True) for _ in range(2))
    gradients = torch.autograd.grad(gaussian_kl(mean, log_variance).sum(), [mean, log_variance])
    assert all(bool((g == 0).all()) for g in gradients)


def test_bernoulli_nll_agrees_with_torch_on_images():
    logits, x = normal(4, 1, 3, 3) * 5, (normal(4, 1, 3, 3) > 0).double()
    expected = -Bernoulli(logits=logits).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(bernoulli_nll(logits, x), expected)


def test_bernoulli_nll_of_grey_is_least_at_its_own_logit_and_survives_extremes():
    grey = torch.tensor([[0.2, 0.7]], dtype=torch.float64)
    entropy = -(grey * grey.log() + (1 - grey) * (1 - grey).log()).sum()
    torch.testing.assert_close(bernoulli_nll(grey.logit(), grey), entropy[None])
    assert bernoulli_nll(torch.tensor([[1e4, -1e4]]), torch.tensor([[1.0, 0.0]])).item() == 0
    assert bernoulli_nll(torch.tensor([[1e4, -1e4]]), torch.tensor([[0.0, 1.0]])).item() == 2e4


@pytest.mark.parametrize("sigma", [0.05, 1.0, 3.0])
def test_gaussian_nll_agrees_with_torch(sigma):
    mean, x = normal(4, 2, 3), normal(4, 3, 2).transpose(1, 2)
    torch.testing.assert_close(gaussian_nll(mean, x, sigma), -Normal(mean, sigma).log_prob(x).flatten(1).sum(1))


def test_gaussian_nll_refuses_no_width():
    with pytest.raises(ValueError, match="sigma="):
        gaussian_nll(torch.zeros(1, 1), torch.zeros(1, 1), 0.0)


def test_elbo_reaches_the_evidence_at_the_true_posterior_and_not_elsewhere():
    """z ~ N(0, 1), x|z ~ N(z, s^2): the evidence is N(0, 1 + s^2), the posterior N(x / (1 + s^2), s^2 / (1 + s^2))."""
    s, x = 0.5, torch.tensor([[1.3]], dtype=torch.float64)
    nodes, weights = (torch.from_numpy(a) for a in hermegauss(40))
    weights = weights / math.sqrt(2 * math.pi)

    def bound(mean: float, variance: float) -> float:
        z = mean + math.sqrt(variance) * nodes[:, None]  # (40, 1), exact quadrature of the expectation over q
        nll = (weights * gaussian_nll(z, x.expand(40, 1), s)).sum()[None]
        kl = gaussian_kl(torch.full((1, 1), mean).double(), torch.full((1, 1), math.log(variance)).double())
        return float(elbo(nll, kl))

    evidence = float(Normal(0.0, math.sqrt(1 + s * s)).log_prob(x))
    posterior = (1.3 / (1 + s * s), s * s / (1 + s * s))
    assert bound(*posterior) == pytest.approx(evidence, abs=1e-6)
    assert bound(0.0, 1.0) < evidence - 0.1
    assert bound(posterior[0], 0.5) < evidence
