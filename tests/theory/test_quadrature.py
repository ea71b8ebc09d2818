"""Quadrature against closed forms, its error estimate, narrow modes, disjoint supports and thin tails."""

import math

import pytest
import torch

from saddle.data.toys import grid, mixture1d, ring
from saddle.objectives import DIVERGENCES
from saddle.theory import gaussians, quadrature
from saddle.theory.cubature import integrate
from saddle.theory.gaussians import Gaussian, normal
from saddle.theory.quadrature import Density, uniform

CLOSED = {"kl": gaussians.kl, "squared-hellinger": gaussians.squared_hellinger, "pearson": gaussians.chi2}
TILTED = Gaussian(torch.tensor([0.0, 0.0]), torch.tensor([[1.0, 0.9], [0.9, 1.0]]))
ROUND = Gaussian(torch.tensor([1.0, 0.0]), torch.tensor([[2.0, -0.3], [-0.3, 1.0]]))
PAIRS = {
    "line": (normal(0.0, 1.0), normal(3.0, 2.0)),
    "narrow against wide": (normal(0.0, 1e-3), normal(0.5, 1.0)),
    "equal": (normal(0.0), normal(0.0)),
    "plane": (TILTED, ROUND),
}


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_divergences_agree_with_closed_forms_within_the_stated_error(name, pair):
    value, error, note = quadrature.divergence(name, *pair)
    exact = CLOSED[name](*pair)
    assert value == pytest.approx(exact, rel=1e-6, abs=1e-6)
    assert abs(value - exact) <= error + 1e-11 * max(1, abs(exact))
    assert error <= 1e-6 * max(1, abs(exact)) and note == ""


@pytest.mark.parametrize("name", DIVERGENCES)
def test_logarithms_and_direct_evaluation_give_the_same(name):
    """A few standard deviations apart nothing overflows: the sum of q f(p/q) on a fine grid is the integral."""
    p, q = normal(0.0, 1.0), normal(1.0, 0.9)
    x = torch.linspace(-9, 10, 190001, dtype=torch.float64)[:, None]
    log_p, log_q = p.log_density(x), q.log_density(x)
    direct = float((log_q.exp() * DIVERGENCES[name].f((log_p - log_q).exp())).sum() * 1e-4)
    assert quadrature.divergence(name, p, q).value == pytest.approx(direct, abs=1e-6)


def test_kl_between_gaussians_far_apart_is_large_not_infinite():
    assert quadrature.divergence("kl", normal(0.0), normal(1000.0)).value == pytest.approx(500_000, rel=1e-9)
    assert quadrature.divergence("reverse-kl", normal(0.0), normal(50.0)).value == pytest.approx(1250, rel=1e-9)
    assert quadrature.js(normal(0.0), normal(1000.0)).value == pytest.approx(math.log(2), abs=1e-9)


def test_modes_however_narrow_are_found():
    needle = mixture1d((-50.0, 0.0, 300.0), sigma=1e-4, weights=(1, 2, 3))
    assert quadrature.mass(needle).value == pytest.approx(1, abs=1e-6)
    expected = -50 / 6 + 300 / 2
    assert quadrature.expectation(needle, lambda x: x[:, 0]).value == pytest.approx(expected, rel=1e-6)
    assert quadrature.mass(ring()).value == pytest.approx(1, abs=1e-6)


def test_entropy_of_separate_modes_is_that_of_one_and_of_the_choice():
    small = grid(2, spacing=2.0, sigma=0.05)
    expected = math.log(4) + gaussians.entropy(normal([0.0, 0.0], 0.05))
    assert quadrature.entropy(small, 1e-7).value == pytest.approx(expected, abs=1e-6)


def test_mixture_against_its_own_part():
    """p = (n1 + n2)/2 with n1, n2 disjoint in effect: KL(n1 || p) = log 2, and JS(n1, p) in closed form too."""
    p, part = mixture1d((-50.0, 50.0), sigma=1.0), normal(50.0)
    assert quadrature.divergence("kl", part, p).value == pytest.approx(math.log(2), abs=1e-6)
    middle = 0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3) + 0.25 * math.log(2)
    assert quadrature.js(part, p).value == pytest.approx(middle, abs=1e-6)


def test_corners_are_integrated_too():
    for apart in (0.5, 2.0):
        p, q = normal([0.0, 0.0]), normal([apart, 0.0])
        exact = gaussians.total_variation(p, q)
        assert quadrature.divergence("total-variation", p, q, 1e-7).value == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("low, d", [(0.25, 1), (1.0, 1), (7.0, 1), (0.25, 2)])
def test_overlapping_and_disjoint_boxes(low, d):
    """p uniform on [0, 1], q on [low, low + 1]: the share 1 - min(low, 1) of each is common."""
    p = uniform([0.0] * d, [1.0] * d)
    q = uniform([low] + [0.0] * (d - 1), [low + 1] + [1.0] * (d - 1))
    share = min(low, 1.0)
    assert quadrature.js(p, q).value == pytest.approx(share * math.log(2), abs=1e-9)
    assert quadrature.divergence("total-variation", p, q).value == pytest.approx(share, abs=1e-9)
    assert quadrature.divergence("squared-hellinger", p, q).value == pytest.approx(2 * share, abs=1e-9)
    for name in ("kl", "reverse-kl", "pearson", "neyman"):
        assert quadrature.divergence(name, p, q).value == math.inf


def test_the_infinite_comes_with_its_reason():
    p, q = uniform(0.0, 1.0), uniform(0.5, 3.0)
    assert quadrature.divergence("kl", p, q).note == "kl is infinite: p has mass where q has none"
    assert quadrature.divergence("kl", normal(0.0), q).note == "kl is infinite: p has mass where q has none"
    assert quadrature.cross_entropy(p, q).note == "the cross-entropy is infinite: p has mass where q has none"
    assert (
        quadrature.divergence("reverse-kl", p, normal(0.0)).note
        == "reverse-kl is infinite: q has mass where p has none"
    )
    value, error, note = quadrature.divergence("pearson", normal(0.0, 1.5), normal(0.0, 1.0))
    assert (value, error) == (math.inf, math.inf) and "tails" in note
    assert quadrature.divergence("kl", uniform(0.2, 0.8), p).value == pytest.approx(math.log(1 / 0.6), abs=1e-9)


def test_a_density_of_ones_own():
    """Laplace's, whose entropy is 1 + log 2, with a corner at the centre."""
    laplace = Density(lambda x: -x[:, 0].abs() - math.log(2), torch.zeros(1, 1), torch.ones(1))
    assert quadrature.entropy(laplace).value == pytest.approx(1 + math.log(2), abs=1e-9)
    cauchy = Density(lambda x: -torch.log1p(x[:, 0] ** 2) - math.log(math.pi), torch.zeros(1, 1), torch.ones(1))
    assert quadrature.mass(cauchy).value == pytest.approx(1, abs=1e-9)
    assert quadrature.entropy(cauchy).value == pytest.approx(math.log(4 * math.pi), abs=1e-9)


def test_what_is_not_reached_is_admitted():
    value, error, note = integrate(
        lambda x: torch.sin(1e6 * x[:, 0]).sign() * (-x[:, 0].square()).exp(),
        torch.zeros(1, 1),
        torch.ones(1),
        budget=20_000,
    )
    assert error > 1e-9 and abs(value) <= error and note.startswith("stopped after 20000 points")


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: quadrature.divergence("kl", normal(0.0), normal([0.0, 0.0])), r"dimensions of p and q=\[1, 2\]"),
        (lambda: quadrature.mass(normal([0.0] * 3)), r"centres=\(1, 3\): expected \(K, d\) with d 1 or 2"),
        (lambda: uniform(1.0, 0.0), r"high=0\.0: expected more than low=1\.0"),
        (lambda: quadrature.mass(normal(0.0), tolerance=0.0), r"tolerance=0\.0: expected an error above 0"),
        (lambda: quadrature.expectation(normal(0.0), lambda x: x[:, 0].log()), "function=NaN"),
    ],
)
def test_mistakes_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("place", [0.6631, -1.2345, 2.0, 0.001, 3.9999])
def test_a_jump_is_found_wherever_it_lies(place):
    """E[sign(x - place)] under N(0, 1) = 1 - 2 Phi(place), though a jump just inside a cell's end shows in no rule."""
    value, _, note = quadrature.expectation(gaussians.normal(0.0), lambda x: (x[:, 0] - place).sign())
    assert value == pytest.approx(1 - math.erfc(-place / math.sqrt(2)), abs=1e-7)
    assert note == ""
