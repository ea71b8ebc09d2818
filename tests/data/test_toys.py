"""Toy densities: they integrate to one, agree with scipy, and are what the samples follow."""

import math
from itertools import pairwise

import pytest
import torch
from scipy import integrate, stats

from saddle.data import Mixture, gaussian1d, grid, load, mixture1d, moons, ring, swissroll
from saddle.data.known import KNOWN

TOYS = [name for name, known in KNOWN.items() if known.kind == "points"]
PLANE = [ring(sigma=0.2), grid(3, 1.0, 0.2), swissroll(turns=1.0, sigma=0.2), moons(sigma=0.2)]


def lattice(reach: float, step: float) -> torch.Tensor:
    ticks = torch.arange(-reach, reach, step, dtype=torch.float64)
    return torch.cartesian_prod(ticks, ticks)  # (n * n, 2)


@pytest.mark.parametrize("toy", PLANE, ids=lambda toy: toy.name)
def test_densities_in_the_plane_integrate_to_one(toy):
    """The trapezium rule on a lattice is exact to rounding where sigma is twice its step."""
    assert float(toy.log_density(lattice(4.0, 0.1)).exp().sum()) * 0.1**2 == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("toy", [gaussian1d(), mixture1d(weights=(1, 3))], ids=lambda toy: toy.name)
def test_densities_on_the_line_integrate_to_one(toy):
    x = torch.arange(-8, 8, 0.1, dtype=torch.float64)[:, None]
    assert float(toy.log_density(x).exp().sum()) * 0.1 == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("toy", [ring(), grid(), mixture1d(weights=(1, 3))], ids=lambda toy: toy.name)
def test_mixtures_agree_with_scipy(toy, rng):
    x = toy.sample(200, rng).x.double()
    parts = [stats.multivariate_normal(mean, toy.sigma**2).pdf(x.numpy()) for mean in toy.means.numpy()]
    density = sum(weight * torch.from_numpy(part) for weight, part in zip(toy.weights, parts, strict=True))
    torch.testing.assert_close(toy.log_density(x), density.log(), atol=1e-10, rtol=0)


@pytest.mark.parametrize("toy", [swissroll(), moons()], ids=lambda toy: toy.name)
@pytest.mark.parametrize("away", [0.0, 3.0, 8.0])
def test_curves_agree_with_adaptive_quadrature(toy, away):
    """Also 8 sigma off the end of the curve, where the integrand is steepest."""
    end = torch.cat([c(torch.tensor([0.999, 1.0], dtype=torch.float64)) for c in toy.branches[:1]])
    ahead = (end[1] - end[0]) / (end[1] - end[0]).norm()
    points = (
        torch.stack([toy.branches[0](torch.tensor([0.37], dtype=torch.float64))[0], end[1]]) + away * toy.sigma * ahead
    )

    def density(u: float, branch: int, point: torch.Tensor) -> float:
        distance = float((toy.branches[branch](torch.tensor([u], dtype=torch.float64))[0] - point).square().sum())
        return math.exp(-distance / (2 * toy.sigma**2)) / (2 * math.pi * toy.sigma**2)

    cuts = [k / 64 for k in range(65)]
    for point, got in zip(points, toy.log_density(points), strict=True):
        pieces = [
            integrate.quad(density, a, b, (branch, point), epsabs=0, epsrel=1e-9)[0]
            for branch in range(len(toy.branches))
            for a, b in pairwise(cuts)
            if max(density(u, branch, point) for u in (a, b)) > 1e-40
        ]
        assert float(got) == pytest.approx(math.log(sum(pieces) / len(toy.branches)), abs=1e-6)


@pytest.mark.parametrize("toy", PLANE, ids=lambda toy: toy.name)
def test_samples_follow_the_density(toy, rng):
    """Means over samples are integrals over the lattice: of log p (minus the entropy) and of two moments."""
    where = lattice(3.5, 0.1)
    log_p = toy.log_density(where)
    p = log_p.exp() / log_p.exp().sum()
    keep = p > 0
    x = toy.sample(4000, rng).x.double()
    for of_x, of_lattice in [
        (toy.log_density(x), log_p[keep]),
        (x[:, 0] ** 2, where[keep, 0] ** 2),
        (x[:, 1], where[keep, 1]),
    ]:
        expected = float((p[keep] * of_lattice).sum())
        assert float(of_x.mean()) == pytest.approx(expected, abs=4 * float(of_x.std()) / math.sqrt(4000))


def test_ring_modes_are_eight_and_at_exact_angles():
    toy = load("ring8")
    angles = [math.atan2(y, x) % (2 * math.pi) for x, y in toy.means.tolist()]
    assert angles == pytest.approx([2 * math.pi * k / 8 for k in range(8)], abs=1e-12)
    assert toy.means.norm(dim=1).tolist() == pytest.approx([2.0] * 8)
    assert toy.sigma == 0.02


def test_grid_modes_are_the_25_even_places():
    toy = load("grid25")
    assert {tuple(mean) for mean in toy.means.tolist()} == {(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)}
    assert toy.sigma == 0.05


@pytest.mark.parametrize("name", ["ring8", "grid25", "mixture1d"])
def test_labels_say_which_mode_a_point_came_from(name, rng):
    toy = load(name)
    batch = toy.sample(500, rng)
    nearest = torch.cdist(batch.x.double(), toy.means).argmin(1)
    assert float((nearest == batch.y).double().mean()) > 0.999
    assert toy.spec.classes == len(toy.means)
    assert set(batch.y.tolist()) == set(range(toy.spec.classes))


def test_weights_are_shares_of_the_samples(rng):
    y = mixture1d(weights=(1, 3)).sample(4000, rng).y
    assert float(y.double().mean()) == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("name", TOYS)
def test_log_density_keeps_dtype_and_has_the_score_as_gradient(name, rng):
    toy = load(name)
    x = toy.sample(5, rng).x
    assert toy.log_density(x).dtype == torch.float32
    assert toy.log_density(x[:0]).shape == (0,)
    double = x.double().requires_grad_()
    assert torch.autograd.gradcheck(toy.log_density, (double,), eps=1e-7, atol=1e-3)


@pytest.mark.parametrize("name", TOYS)
def test_toys_are_endless_and_known_by_their_parameters(name):
    toy = load(name)
    assert len(toy) == 0
    assert toy.fingerprint == load(name).fingerprint


def test_fingerprints_of_densities_follow_their_parameters():
    toys = [
        ring(),
        ring(9),
        ring(radius=1),
        ring(sigma=0.1),
        grid(),
        moons(),
        moons(0.2),
        swissroll(),
        swissroll(radius=1),
    ]
    toys += [gaussian1d(), gaussian1d(1.0), mixture1d(), mixture1d(weights=(1, 2))]
    assert len({toy.fingerprint for toy in toys}) == len(toys)


@pytest.mark.parametrize(
    "build, told",
    [
        (lambda: ring(0), "modes=0: expected 1 or more"),
        (lambda: ring(sigma=0), "sigma=0: expected a standard deviation above 0"),
        (lambda: moons(sigma=-1), "sigma=-1: expected a standard deviation above 0"),
        (lambda: swissroll(turns=0), "turns=0: expected more than 0"),
        (lambda: mixture1d(weights=(1, 2, 3)), "expected 2 shares above 0"),
        (lambda: mixture1d(weights=(1, 0)), "expected 2 shares above 0"),
        (lambda: ring().log_density(torch.zeros(4, 3)), r"x=\(4, 3\): expected points \(N, 2\)"),
        (lambda: Mixture("empty", torch.empty(0, 2), 1.0), r"expected means \(K, d\)"),
    ],
)
def test_wrong_parameters_are_named(build, told):
    with pytest.raises(ValueError, match=told):
        build()
