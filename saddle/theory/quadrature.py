r"""Integrals of densities on the line and in the plane, with an error estimate: divergences, entropies, expectations.

Everything is float64 and in nats; `cubature` says how it integrates.

A density is a `Density`, or anything that has means and a standard deviation to make one of: a ``Mixture`` of
``saddle.data.toys`` or a `Gaussian`. Divergences work in log p and log q, so that two densities far apart neither
overflow nor turn into 0/0: KL between unit Gaussians 1000 apart is 500,000, not infinite.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.config import choose, require
from saddle.data.toys import Mixture
from saddle.objectives import DIVERGENCES, FDivergence
from saddle.theory.cubature import Function, Value, integrate
from saddle.theory.gaussians import Gaussian

__all__ = [
    "Density",
    "DensityLike",
    "Value",
    "cross_entropy",
    "density",
    "divergence",
    "entropy",
    "expectation",
    "integrate",
    "js",
    "mass",
    "uniform",
]

STEEP = 300.0
"""Where |log p - log q| exceeds this, f's limits stand for f: its argument would leave float64."""
EXTREMES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "kl": lambda log_p, log_q, r: log_p.exp() * r,
    "reverse-kl": lambda log_p, log_q, r: -log_q.exp() * r,
    "pearson": lambda log_p, log_q, r: torch.maximum((log_p + r).exp(), log_q.exp()),
    "neyman": lambda log_p, log_q, r: torch.maximum((log_q - r).exp(), log_p.exp()),
}
"""q f(p/q) for ratios beyond STEEP, where f grows faster than linearly at one end; r = log p - log q."""


@dataclass(frozen=True, eq=False)
class Density:
    """A density on the line or in the plane, with where to look for it."""

    log: Function
    """x (N, d) -> log p(x) (N,), normalised; -inf where there is none."""
    centres: Tensor
    """(K, d): points that the modes lie at."""
    scales: Tensor
    """(K,): how narrow each is, as a standard deviation, > 0."""
    support: Tensor | None = None
    """(2, d): lower and upper corner of the box outside which p = 0; None: everywhere."""

    def __post_init__(self) -> None:
        shape = tuple(self.centres.shape)
        require(len(shape) == 2 and shape[1] in (1, 2) and shape[0] > 0, "centres", shape, "(K, d) with d 1 or 2")
        positive = self.scales.shape == shape[:1] and bool((self.scales > 0).all())
        require(positive, "scales", self.scales.tolist(), "a width above 0 for each centre")


DensityLike = Density | Mixture | Gaussian
"""What a density may be given as."""


def density(p: DensityLike) -> Density:
    """A mixture or a Gaussian as a `Density`; a `Density` as it is.

    Raises:
        ValueError: it lives in more than two dimensions.
    """
    if isinstance(p, Density):
        return p
    if isinstance(p, Gaussian):
        narrowest = torch.linalg.eigvalsh(p.covariance)[:1].sqrt()
        return Density(p.log_density, p.mean[None], narrowest)
    return Density(p.log_density, p.means.double(), p.means.new_full((len(p.means),), p.sigma, dtype=torch.float64))


def uniform(low: float | Sequence[float], high: float | Sequence[float]) -> Density:
    """The uniform density on an interval, or on a box of the plane.

    >>> mass(uniform(-1.0, 3.0)).value
    1.0
    """
    support = torch.stack([torch.atleast_1d(torch.as_tensor(end, dtype=torch.float64)) for end in (low, high)])
    sides = support[1] - support[0]  # (d,)
    require(bool((sides > 0).all()), "high", high, f"more than low={low}")

    def log(x: Tensor) -> Tensor:
        inside = ((x >= support[0]) & (x <= support[1])).all(1)
        return torch.where(inside, -sides.log().sum(), -math.inf)

    return Density(log, support.mean(0, keepdim=True), sides.min()[None] / 2, support)


def mass(p: DensityLike, tolerance: float = 1e-9) -> Value:
    """int p, which is 1 for a density: a check of one's own log-density."""
    return expectation(p, lambda x: x.new_ones(len(x)), tolerance)


def expectation(p: DensityLike, function: Function, tolerance: float = 1e-9) -> Value:
    """E_p[function(x)].

    Args:
        p: the density.
        function: points (N, d) -> numbers (N,). Where p = 0 it is not asked for a finite value.
        tolerance: error allowed, absolute or as a share of the value.

    >>> from saddle.theory.gaussians import normal
    >>> round(expectation(normal(1.0, 2.0), lambda x: x.square().sum(1)).value, 9)
    5.0
    """
    p = density(p)
    return _integrate_over([p], lambda x: _weighted(p.log(x), function(x)), tolerance)


def entropy(p: DensityLike, tolerance: float = 1e-9) -> Value:
    """H(p) = -E_p[log p], in nats; negative where p is narrow."""
    p = density(p)

    def integrand(x: Tensor) -> Tensor:
        log_p = p.log(x)
        return _weighted(log_p, -log_p)

    return _integrate_over([p], integrand, tolerance)


def cross_entropy(p: DensityLike, q: DensityLike, tolerance: float = 1e-9) -> Value:
    """H(p, q) = -E_p[log q] = H(p) + KL(p || q), infinite where p has mass and q has none."""
    p, q = density(p), density(q)
    found = _integrate_over([p, q], lambda x: _weighted(p.log(x), -q.log(x)), tolerance)
    return found if found.value < math.inf else found._replace(note=_explain("the cross-entropy", p, q))


def js(p: DensityLike, q: DensityLike, tolerance: float = 1e-9) -> Value:
    """JSD(p, q) in [0, log 2], half of ``DIVERGENCES["jensen-shannon"]``; its square root is a metric.

    >>> js(uniform(0.0, 1.0), uniform(2.0, 3.0)).value  # disjoint: log 2, however far apart
    0.693147...
    """
    value, error, note = divergence("jensen-shannon", p, q, tolerance)
    return Value(value / 2, error / 2, note)


def divergence(name: str, p: DensityLike, q: DensityLike, tolerance: float = 1e-9) -> Value:
    """D_f(p || q) = int q f(p/q) for a name of ``saddle.objectives.DIVERGENCES``, in its convention.

    Where supports are disjoint the limits hold: f(0) where only q is, lim f(u)/u where only p is. They make KL
    infinite, and a note says so; Jensen-Shannon, Hellinger and total variation as large as they get.

    Args:
        name: ``"kl"``, ``"jensen-shannon"`` (twice the usual), ``"pearson"``, ...
        p: the first density; the data.
        q: the second, in the same space; the model.
        tolerance: error allowed, absolute or as a share of the value.
    Raises:
        ValueError: unknown name, or densities in different spaces.

    >>> from saddle.theory.gaussians import normal
    >>> value, error, note = divergence("kl", normal(0.0), normal(30.0))
    >>> round(value, 6), error < 1e-6
    (450.0, True)
    >>> divergence("kl", uniform(0.0, 1.0), uniform(2.0, 3.0))
    Value(value=inf, error=inf, note='kl is infinite: p has mass where q has none')
    """
    div, p, q = choose(name, DIVERGENCES, "divergence"), density(p), density(q)
    found = _integrate_over([p, q], lambda x: _integrand(div, p.log(x), q.log(x)), tolerance)
    return found if found.value < math.inf else found._replace(note=_explain(name, p, q))


def _integrand(div: FDivergence, log_p: Tensor, log_q: Tensor) -> Tensor:
    """q f(p/q), from logarithms: f where the ratio fits into float64, its limits elsewhere."""
    p, q, r = log_p.exp(), log_q.exp(), log_p - log_q
    ordinary = r.abs() <= STEEP  # false for NaN
    value = q * div.f(torch.where(ordinary, r, 0.0).exp())
    if div.name in EXTREMES:
        extreme = EXTREMES[div.name](log_p, log_q, r)
    else:
        extreme = torch.where(r > 0, div.slope_at_infinity * p, float(div.f(r.new_zeros(()))) * q)
    value = torch.where(ordinary, value, extreme)
    for only, other, price in ((p, log_q, div.slope_at_infinity), (q, log_p, float(div.f(r.new_zeros(()))))):
        alone = only * price if math.isfinite(price) else torch.where(only > 0, price, 0.0)
        value = torch.where(other == -math.inf, alone, value)
    return torch.where(torch.isfinite(log_p) | torch.isfinite(log_q), value.nan_to_num(nan=0.0, posinf=math.inf), 0.0)


def _weighted(log_p: Tensor, values: Tensor) -> Tensor:
    """p times values, 0 where p is 0 whatever the value."""
    p = log_p.exp()
    return torch.where(p > torch.finfo(p.dtype).tiny, p * values, 0.0)  # below it p is rounding, values may be infinite


def _explain(what: str, p: Density, q: Density) -> str:
    """Which support sticks out, or that the tails are to blame."""
    missing = {"p has mass where q has none": (p, q), "q has mass where p has none": (q, p)}
    for sentence, (one, other) in missing.items():
        inside = one.support if one.support is not None else torch.cat([one.centres - 1e9, one.centres + 1e9])
        if other.support is not None and bool(
            ((inside.min(0).values < other.support[0]) | (inside.max(0).values > other.support[1])).any()
        ):
            return f"{what} is infinite: {sentence}"
    return f"{what} is infinite, or beyond float64: one density's tails are too thin for the other's"


def _integrate_over(densities: list[Density], integrand: Function, tolerance: float) -> Value:
    dimensions = {p.centres.shape[1] for p in densities}
    require(len(dimensions) == 1, "dimensions of p and q", sorted(dimensions), "equal ones")
    edges = [p.support for p in densities if p.support is not None]
    return integrate(
        integrand,
        torch.cat([p.centres for p in densities]),
        torch.cat([p.scales for p in densities]),
        torch.cat(edges) if edges else None,
        tolerance,
    )
