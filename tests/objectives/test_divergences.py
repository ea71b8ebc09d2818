"""The f-GAN family: conjugacy, the variational bound and where it is reached, closed forms between Gaussians."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, norm
from torch import Tensor

from saddle.objectives.adversarial import minimax_critic, minimax_generator, non_saturating_generator
from saddle.objectives.divergences import DIVERGENCES, fgan_critic, fgan_generator, fgan_generator_heuristic

P = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
Q = torch.tensor([0.4, 0.1, 0.3, 0.2], dtype=torch.float64)
RATIOS = torch.logspace(-4, 4, 41, dtype=torch.float64)
OUTPUTS = torch.linspace(-6, 6, 49, dtype=torch.float64)
WHOLE_LINE = {"pearson", "total-variation"}  # f taken for u < 0 too

EACH = pytest.mark.parametrize("div", DIVERGENCES.values(), ids=DIVERGENCES)

# The raw output v at which g_f(v) = f'(u), solved by hand. Total variation's is at infinity.
RAW_OPTIMUM = {
    "kl": lambda u: 1 + u.log(),
    "reverse-kl": lambda u: u.log(),
    "pearson": lambda u: 2 * (u - 1),
    "neyman": lambda u: 2 * u.log(),
    "squared-hellinger": lambda u: u.log() / 2,
    "jensen-shannon": lambda u: u.log(),
    "gan": lambda u: u.log(),
    "total-variation": lambda u: (u - 1).sign() * 1e4,
}

# Written from the definitions of the divergences in p and q, not from f.
BY_DEFINITION = {
    "kl": lambda p, q: entropy(p, q),
    "reverse-kl": lambda p, q: entropy(q, p),
    "pearson": lambda p, q: ((p - q) ** 2 / q).sum(),
    "neyman": lambda p, q: ((p - q) ** 2 / p).sum(),
    "squared-hellinger": lambda p, q: 2 - 2 * np.sqrt(p * q).sum(),
    "jensen-shannon": lambda p, q: 2 * jensenshannon(p, q) ** 2,
    "gan": lambda p, q: 2 * jensenshannon(p, q) ** 2 - math.log(4),
    "total-variation": lambda p, q: abs(p - q).sum() / 2,
}


def scalar(function, value: float) -> float:
    return float(function(torch.tensor(value, dtype=torch.float64)))


def samples(values: Tensor, weights: Tensor) -> Tensor:
    """Ten samples whose mean is the expectation of ``values`` under ``weights``, which are tenths."""
    return values.repeat_interleave((10 * weights).round().long())


@EACH
def test_the_table_agrees_with_itself(div):
    assert DIVERGENCES[div.name] is div
    f1, f0 = scalar(div.f, 1.0), scalar(div.f, 0.0)
    assert f1 == pytest.approx(-math.log(4) if div.name == "gan" else 0.0, abs=1e-15)
    assert scalar(div.derivative, 1.0) == pytest.approx(div.threshold, abs=1e-15)
    assert div.range == (pytest.approx(f1), pytest.approx(f0 + div.slope_at_infinity))
    steep = scalar(div.f, 1e12) / 1e12  # f(u)/u has come close to its limit, or grows without one
    assert steep > 25 if math.isinf(div.slope_at_infinity) else steep == pytest.approx(div.slope_at_infinity, abs=1e-5)


@EACH
def test_f_is_convex_and_the_derivative_its_own(div):
    u, v = RATIOS[:, None], RATIOS[None]
    chord, tangent = (div.f(u) + div.f(v)) / 2, div.f(u) + div.derivative(u) * (v - u)
    assert bool((div.f((u + v) / 2) <= chord + 1e-12 * (1 + chord.abs())).all())
    assert bool((tangent <= div.f(v) + 1e-9 * (1 + div.f(v).abs() + tangent.abs())).all())
    smooth = RATIOS[RATIOS != 1].requires_grad_(True)
    (gradient,) = torch.autograd.grad(div.f(smooth).sum(), smooth)
    torch.testing.assert_close(gradient, div.derivative(smooth.detach()), rtol=1e-9, atol=1e-11)


@EACH
def test_conjugate_is_the_supremum(div):
    """f*(t) = sup_u (u t - f(u)) on a dense grid of u, at t well inside the domain."""
    u = torch.cat([torch.logspace(-7, 5, 400_001, dtype=torch.float64), torch.ones(1).double()])  # 1: a corner of f
    u = torch.cat([-u, u]) if div.name in WHOLE_LINE else u
    for t in div.activation(torch.tensor([-2.0, -0.5, 0.0, 0.3, 1.0], dtype=torch.float64)):
        assert float((u * t - div.f(u)).max()) == pytest.approx(float(div.conjugate(t)), abs=1e-6)


@EACH
def test_fenchel_young(div):
    """f(u) + f*(t) >= u t for all u and t, with equality at t = f'(u)."""
    u, t = RATIOS[:, None], div.activation(OUTPUTS)[None]
    slack = div.f(u) + div.conjugate(t) - u * t
    assert bool((slack >= -1e-9 * (1 + (u * t).abs())).all())
    touching = div.derivative(RATIOS)
    gap = div.f(RATIOS) + div.conjugate(touching) - RATIOS * touching
    assert bool((gap.abs() <= 1e-9 * (1 + (RATIOS * touching).abs())).all())


@EACH
def test_activation_increases_into_the_domain_of_the_conjugate(div):
    t = div.activation(OUTPUTS)
    assert bool((t.diff() > 0).all())
    assert bool(div.conjugate(t).isfinite().all())
    assert float(t.max()) < div.slope_at_infinity
    torch.testing.assert_close(div.conjugate_of_activation(OUTPUTS), div.conjugate(t), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [n for n in DIVERGENCES if n not in {"kl", "pearson"}])
def test_conjugate_is_infinite_beyond_its_domain(name):
    div = DIVERGENCES[name]
    assert scalar(div.conjugate, div.slope_at_infinity + 0.1) == math.inf


@EACH
def test_divergence_agrees_with_its_definition(div):
    for p, q in [(P, Q), (Q, P), (P, P)]:
        expected = float(BY_DEFINITION[div.name](p.numpy(), q.numpy()))
        assert float(div.divergence(p, q)) == pytest.approx(expected, abs=1e-12)


@EACH
def test_variational_bound_is_reached_at_the_optimal_critic_and_nowhere_passed(div):
    t = div.optimal_critic(P / Q)
    exact = float(div.divergence(P, Q))
    assert float((P * t).sum() - (Q * div.conjugate(t)).sum()) == pytest.approx(exact, abs=1e-9)
    rng = torch.Generator().manual_seed(0)
    for _ in range(50):
        t = div.activation(torch.randn(4, dtype=torch.float64, generator=rng) * 2)
        assert float((P * t).sum() - (Q * div.conjugate(t)).sum()) <= exact + 1e-12


@EACH
def test_critic_loss_at_the_raw_optimum_is_minus_the_divergence_and_stationary(div):
    v = RAW_OPTIMUM[div.name](P / Q).requires_grad_(True)
    loss = sum(fgan_critic(div)(samples(v, P), samples(v, Q)).values())
    assert -float(loss.detach()) == pytest.approx(float(div.divergence(P, Q)), abs=1e-9)
    (gradient,) = torch.autograd.grad(loss, v)
    assert float(gradient.abs().max()) < 1e-12


@EACH
def test_gaussians_by_quadrature(div):
    """The bound at T*, integrated over the line, for N(0.4, 1) and N(0, 1.2^2), against the closed forms there are."""

    def integrand(x: float) -> float:
        p, q = norm.pdf(x, 0.4, 1.0), norm.pdf(x, 0.0, 1.2)
        t = div.optimal_critic(torch.tensor(p / q, dtype=torch.float64))
        return p * float(t) - q * float(div.conjugate(t))

    crossings = sorted(np.roots([1 / 1.44 - 1, 0.8, -0.16 + 2 * math.log(1.2)]).real)  # where p = q
    found = quad(integrand, -16, 16, points=crossings, epsabs=1e-10, limit=200)[0]
    assert found == pytest.approx(between_gaussians(div.name, 0.4, 1.0, 0.0, 1.2), abs=1e-7)


def between_gaussians(name: str, m: float, s: float, n: float, r: float) -> float:
    """D(N(m, s^2) || N(n, r^2)); the symmetric ones without a closed form by direct quadrature of their definition."""

    def kl(m: float, s: float, n: float, r: float) -> float:
        return math.log(r / s) + (s * s + (m - n) ** 2) / (2 * r * r) - 0.5

    def chi_square(m: float, s: float, n: float, r: float) -> float:
        width = 2 * r * r - s * s
        return r * r / (s * math.sqrt(width)) * math.exp((m - n) ** 2 / width) - 1

    def skew(x: float) -> float:
        p, q = norm.pdf(x, m, s), norm.pdf(x, n, r)
        return p * math.log(2 * p / (p + q)) + q * math.log(2 * q / (p + q))

    if name in {"kl", "reverse-kl"}:
        return kl(m, s, n, r) if name == "kl" else kl(n, r, m, s)
    if name in {"pearson", "neyman"}:
        return chi_square(m, s, n, r) if name == "pearson" else chi_square(n, r, m, s)
    if name == "squared-hellinger":
        overlap = math.sqrt(2 * s * r / (s * s + r * r)) * math.exp(-((m - n) ** 2) / (4 * (s * s + r * r)))
        return 2 - 2 * overlap
    if name == "total-variation":
        low, high = sorted(np.roots([1 / r**2 - 1 / s**2, 2 * m / s**2, -(m**2) / s**2 + 2 * math.log(r / s)]).real)
        inside = [norm.cdf(high, *a) - norm.cdf(low, *a) for a in [(m, s), (n, r)]]
        return abs(inside[0] - inside[1])
    return quad(skew, -9, 9, epsabs=1e-11, limit=200)[0] - (math.log(4) if name == "gan" else 0.0)


LIMITS = {  # P = (1/2, 1/2, 0), Q = (0, 1/2, 1/2)
    "kl": math.inf,
    "reverse-kl": math.inf,
    "pearson": math.inf,
    "neyman": math.inf,
    "squared-hellinger": 1.0,
    "jensen-shannon": math.log(2),
    "gan": -math.log(2),
    "total-variation": 0.5,
}


@EACH
def test_limits_where_one_of_them_has_no_mass(div):
    p, q = torch.tensor([0.5, 0.5, 0.0, 0.0]), torch.tensor([0.0, 0.5, 0.5, 0.0])
    assert float(div.divergence(p, q)) == pytest.approx(LIMITS[div.name])
    assert float(div.divergence(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))) == pytest.approx(div.range[1])


def test_one_sided_limits():
    """KL(P||Q) forgives Q for covering more than P; reverse KL and Neyman's forgive it for covering less."""
    narrow, wide = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])
    values = {n: (float(d.divergence(narrow, wide)), float(d.divergence(wide, narrow))) for n, d in DIVERGENCES.items()}
    assert values["kl"] == (pytest.approx(math.log(2)), math.inf)
    assert values["reverse-kl"] == (math.inf, pytest.approx(math.log(2)))
    assert values["pearson"] == (pytest.approx(1.0), math.inf)
    assert values["neyman"] == (math.inf, pytest.approx(1.0))


def test_divergence_is_differentiable_in_the_model():
    """d KL(P || softmax(theta)) / d theta = q - p, which is also right where p has no mass."""
    theta = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    p, q = torch.tensor([0.25, 0.75, 0.0], dtype=torch.float64), theta.softmax(0)
    (gradient,) = torch.autograd.grad(DIVERGENCES["kl"].divergence(p, q), theta)
    torch.testing.assert_close(gradient, (q - p).detach())


@pytest.mark.parametrize(
    ("p", "message"),
    [([0.5, 0.6], "p="), ([1.5, -0.5], "p="), ([1.0], "shapes"), ([math.nan, 1.0], "p=")],
)
def test_what_is_no_distribution_is_refused(p, message):
    with pytest.raises(ValueError, match=message):
        DIVERGENCES["kl"].divergence(torch.tensor(p), torch.tensor([0.5, 0.5]))


def test_the_gan_row_is_the_original_game():
    gan, v = DIVERGENCES["gan"], OUTPUTS
    ours, theirs = fgan_critic(gan)(v, v - 1), minimax_critic(v, v - 1)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(fgan_generator(gan, v), minimax_generator(v))
    torch.testing.assert_close(fgan_generator_heuristic(gan, v), non_saturating_generator(v))


@EACH
def test_generator_costs_fall_as_outputs_rise_and_the_critic_opposes_them(div):
    """The critic wants real outputs up; its fake term is what the generator's first cost negates."""
    v = torch.linspace(0.1, 2, 9, dtype=torch.float64)
    assert fgan_generator(div, v + 0.1) < fgan_generator(div, v)
    assert fgan_generator_heuristic(div, v + 0.1) < fgan_generator_heuristic(div, v)
    critic = fgan_critic(div)
    assert critic(v + 0.1, v)["real"] < critic(v, v)["real"]
    assert critic(v, v + 0.1)["fake"] == -fgan_generator(div, v + 0.1)


@pytest.mark.parametrize("name", ["gan", "jensen-shannon", "total-variation", "pearson"])
@pytest.mark.parametrize("size", [-1e4, 1e4])
def test_losses_and_slopes_stay_finite_at_any_output(name, size):
    div = DIVERGENCES[name]
    v = torch.full((2,), size, requires_grad=True)
    for loss in (*fgan_critic(div)(v, v).values(), fgan_generator(div, v), fgan_generator_heuristic(div, v)):
        assert bool(loss.isfinite())
        assert bool(torch.autograd.grad(loss, v, retain_graph=True)[0].isfinite().all())


@pytest.mark.parametrize(
    ("name", "high_real", "high_fake", "low_real", "low_fake"),
    [
        ("gan", 0.0, 1e4, 1e4, 0.0),
        ("jensen-shannon", -math.log(2), 1e4 - math.log(2), 1e4 - math.log(2), -math.log(2)),
        ("total-variation", -0.5, 0.5, 0.5, -0.5),
        ("reverse-kl", 0.0, 1e4 - 1, math.inf, -1e4 - 1),
        ("neyman", -1.0, 2.0, math.inf, -math.inf),
        ("squared-hellinger", -1.0, math.inf, math.inf, -1.0),
        ("kl", -1e4, math.inf, 1e4, 0.0),
    ],
)
def test_extreme_outputs_give_the_asymptotes(name, high_real, high_fake, low_real, low_fake):
    critic = fgan_critic(DIVERGENCES[name])
    for size, real, fake in [(1e4, high_real, high_fake), (-1e4, low_real, low_fake)]:
        terms = critic(*torch.full((2, 1), size, dtype=torch.float64))
        assert (terms["real"].item(), terms["fake"].item()) == (pytest.approx(real), pytest.approx(fake))
