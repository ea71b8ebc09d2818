r"""Optimal transport: exact on the line, as a linear programme elsewhere, and the critic that its dual hands out.

    W_k(p, q)^k = min over plans of E|x - y|^k,        W_1(p, q) = max over 1-Lipschitz f of E_p[f] - E_q[f].

On the line the best plan moves mass in order, so W_k^k is the integral of |P^-1(u) - Q^-1(u)|^k over u in [0, 1] (for
k = 1 also of |P(x) - Q(x)| over x).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linprog
from scipy.sparse import coo_array
from torch import Tensor

from saddle.config import require
from saddle.data.toys import Mixture
from saddle.theory.cubature import Function, Value, integrate
from saddle.theory.gaussians import Gaussian

__all__ = [
    "Plan",
    "distances",
    "dual_critic",
    "lipschitz_constant",
    "mixture_cdf",
    "mixture_quantile",
    "optimal_transport",
    "wasserstein_1d",
    "wasserstein_cdfs",
    "wasserstein_densities",
    "wasserstein_quantiles",
]

OnTheLine = Mixture | Gaussian
"""A Gaussian, or a mixture of Gaussians, in one dimension."""


def wasserstein_1d(
    x: Tensor, y: Tensor, order: float = 1, x_weights: Tensor | None = None, y_weights: Tensor | None = None
) -> float:
    """W_order between two samples on the line, exact: both are sorted and their quantile functions merged.

    Args:
        x: (N,), or (N, 1).
        y: (M,), or (M, 1); M may differ from N.
        order: 1 or more.
        x_weights: mass at each x, (N,), not negative; equal by default. Brought to sum to 1.
        y_weights: mass at each y, (M,).
    Raises:
        ValueError: an order below 1, no samples, or weights that cannot be meant.

    >>> wasserstein_1d(torch.tensor([0.0, 1.0]), torch.tensor([5.0, 6.0]))
    5.0
    >>> wasserstein_1d(torch.tensor([0.0]), torch.tensor([-3.0, 4.0]), order=2, y_weights=torch.tensor([16.0, 9.0]))
    3.3941...
    """
    require(order >= 1, "order", order, "1 or more")
    (x, x_mass), (y, y_mass) = _sorted("x", x, x_weights), _sorted("y", y, y_weights)
    x_ends, y_ends = x_mass.cumsum(0), y_mass.cumsum(0)  # u at the end of each step of the quantile functions
    u = torch.cat([x_ends, y_ends]).clamp(max=1.0).sort().values  # (N + M,)
    widths = torch.diff(u, prepend=u.new_zeros(1))
    middles = u - widths / 2
    at_x = torch.searchsorted(x_ends, middles).clamp(max=len(x) - 1)
    at_y = torch.searchsorted(y_ends, middles).clamp(max=len(y) - 1)
    return float((widths * (x[at_x] - y[at_y]).abs() ** order).sum() ** (1 / order))


def wasserstein_densities(p: OnTheLine, q: OnTheLine, order: float = 1, tolerance: float = 1e-9) -> Value:
    """W_order between two Gaussians or mixtures on the line; through the CDFs for order 1, else the quantiles.

    >>> from saddle.theory.gaussians import normal
    >>> round(wasserstein_densities(normal(0.0), normal(30.0)).value, 9)
    30.0
    """
    (means, _, sigma), (others, _, other_sigma) = _parts(p), _parts(q)
    if order == 1:
        centres = torch.cat([means, others])[:, None]
        scales = torch.cat([means.new_full((len(means),), sigma), means.new_full((len(others),), other_sigma)])
        return wasserstein_cdfs(lambda x: mixture_cdf(p, x), lambda x: mixture_cdf(q, x), centres, scales, tolerance)
    return wasserstein_quantiles(lambda u: mixture_quantile(p, u), lambda u: mixture_quantile(q, u), order, tolerance)


def wasserstein_cdfs(p: Function, q: Function, centres: Tensor, scales: Tensor, tolerance: float = 1e-9) -> Value:
    """W_1 = int |P(x) - Q(x)| dx of two cumulative distribution functions.

    Args:
        p: x (N,) -> P(x) (N,).
        q: x (N,) -> Q(x).
        centres: where either rises, (K, 1); see `cubature.integrate`.
        scales: how steeply, (K,).
        tolerance: error allowed, absolute or as a share.
    """
    return integrate(lambda x: (p(x[:, 0]) - q(x[:, 0])).abs(), centres, scales, tolerance=tolerance)


def wasserstein_quantiles(p: Function, q: Function, order: float = 1, tolerance: float = 1e-9) -> Value:
    """W_order from two quantile functions, (int |P^-1(u) - Q^-1(u)|^order du)^(1/order).

    Args:
        p: u (N,) in (0, 1) -> P^-1(u) (N,).
        q: u (N,) -> Q^-1(u).
        order: 1 or more.
        tolerance: error allowed in the integral, absolute or as a share. Mass beyond the quantiles 1e-15 is left out.

    >>> logistic = lambda u: torch.logit(u)
    >>> round(wasserstein_quantiles(logistic, lambda u: 2 + logistic(u), order=2).value, 9)
    2.0
    """
    require(order >= 1, "order", order, "1 or more")

    def integrand(s: Tensor) -> Tensor:
        u, rest = s[:, 0].sigmoid(), (-s[:, 0]).sigmoid()
        inside = (u > 1e-15) & (rest > 1e-15)
        at = torch.where(inside, u, 0.5)
        return torch.where(inside, (p(at) - q(at)).abs() ** order * u * rest, 0.0)  # du = u (1 - u) ds

    value, error, note = integrate(
        integrand, torch.zeros(1, 1), torch.ones(1), torch.tensor([[-34.5], [34.5]]), tolerance
    )
    root = value ** (1 / order)
    return Value(root, error / (order * root ** (order - 1)) if root > 0 else error ** (1 / order), note)


def mixture_cdf(p: OnTheLine, x: Tensor) -> Tensor:
    """P(X <= x) for x (N,), float64, precise in the lower tail."""
    means, weights, sigma = _parts(p)
    return (weights * torch.special.ndtr((x.double()[:, None] - means) / sigma)).sum(1)  # (N,)


def mixture_quantile(p: OnTheLine, u: Tensor) -> Tensor:
    """The x with P(X <= x) = u, for u (N,) in (0, 1), by bisection between the parts' own quantiles.

    >>> from saddle.theory.gaussians import normal
    >>> mixture_quantile(normal(1.0, 2.0), torch.tensor([0.5]))
    tensor([1.], dtype=torch.float64)
    """
    means, _, sigma = _parts(p)
    u = u.double()
    require(bool(((u > 0) & (u < 1)).all()), "u", u.tolist(), "probabilities strictly between 0 and 1")
    own = means + sigma * torch.special.ndtri(u)[:, None]  # (N, K)
    low, high = own.min(1).values, own.max(1).values  # (N,)
    for _ in range(60 if len(means) > 1 else 0):
        middle = (low + high) / 2
        below = mixture_cdf(p, middle) < u
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances |x_i - y_j| of points (N, d) and (M, d), float64 (N, M)."""
    return torch.linalg.vector_norm(x.double()[:, None] - y.double(), dim=2)


@dataclass(frozen=True, eq=False)
class Plan:
    """The cheapest way to turn one discrete distribution into another, and the prices that prove it."""

    plan: Tensor
    """(N, M): mass carried from i to j. Rows sum to a, columns to b."""
    cost: float
    """sum plan * cost."""
    u: Tensor
    """(N,): price of picking up a unit at i."""
    v: Tensor
    """(M,): price of putting one down at j. u_i + v_j <= cost_ij, with equality wherever mass goes."""
    dual: float
    """a . u + b . v; equals ``cost``."""


def optimal_transport(a: Tensor, b: Tensor, cost: Tensor) -> Plan:
    """The linear programme min sum plan * cost, plan >= 0, with marginals a and b; and its dual.

    Args:
        a: mass at each source, (N,), summing to 1.
        b: mass wanted at each sink, (M,), summing to 1.
        cost: of moving a unit from i to j, (N, M), finite. `distances` makes its value W_1.
    Raises:
        ValueError: shapes that do not fit, a cost that is not finite, or masses that do not sum to 1.
    Source: Kantorovich 1942; Villani 2009, chapter 5.

    >>> found = optimal_transport(torch.tensor([0.5, 0.5]), torch.tensor([1.0]), torch.tensor([[1.0], [3.0]]))
    >>> found.cost, found.dual
    (2.0, 2.0)
    """
    require(cost.shape == (*a.shape, *b.shape) and a.ndim == 1, "cost", tuple(cost.shape), f"{(len(a), len(b))}")
    require(bool(cost.isfinite().all()), "cost", "an infinite or undefined entry", "finite costs")
    a, b = _masses("a", a), _masses("b", b)
    c = cost.double()
    n, m = c.shape
    rows, columns = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
    entries = (np.concatenate([rows, n + columns]), np.tile(np.arange(n * m), 2))
    marginals = coo_array((np.ones(2 * n * m), entries), shape=(n + m, n * m)).tocsr()
    found = linprog(c.flatten().numpy(), A_eq=marginals, b_eq=torch.cat([a, b]).numpy(), method="highs")
    assert found.status == 0, found.message  # feasible and bounded, since both masses are 1 and costs finite
    plan, prices = torch.from_numpy(found.x).reshape(n, m), torch.from_numpy(np.array(found.eqlin.marginals))
    u, v = prices.split([n, m])
    return Plan(plan, float((plan * c).sum()), u, v, float(a @ u + b @ v))


def dual_critic(plan: Plan, y: Tensor) -> Callable[[Tensor], Tensor]:
    """The critic f(x) = min_j |x - y_j| - v_j of a plan whose cost is the distance: 1-Lipschitz on all of space.

    It is the c-transform of the prices v, and reaches the dual: E_p[f] - E_q[f] = W_1.

    Args:
        plan: `optimal_transport` between weighted points x and y with ``distances(x, y)``.
        y: the points mass was brought to, (M, d).
    Returns:
        points (N, d) -> f (N,), float64; gradients flow.
    Source: Kantorovich and Rubinstein 1958; Villani 2009, remark 6.5.

    >>> x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[5.0], [6.0]])
    >>> f = dual_critic(optimal_transport(torch.ones(2) / 2, torch.ones(2) / 2, distances(x, y)), y)
    >>> f(x).mean() - f(y).mean()
    tensor(5., dtype=torch.float64)
    """
    require(len(y) == len(plan.v), "y", tuple(y.shape), f"the {len(plan.v)} points that the plan leads to")
    return lambda x: (distances(x, y) - plan.v).min(1).values


def lipschitz_constant(critic: Function, x: Tensor) -> float:
    """The steepest slope |f(x_i) - f(x_j)| / |x_i - x_j| between any two of the points (N, d).

    A lower bound on the Lipschitz constant: a slope above 1 disproves that the critic is 1-Lipschitz.

    >>> lipschitz_constant(lambda x: 3 * x[:, 0], torch.tensor([[0.0], [1.0], [4.0]]))
    3.0
    """
    f, apart = critic(x).double(), distances(x, x)  # (N,), (N, N)
    slopes = (f[:, None] - f).abs() / torch.where(apart > 0, apart, math.inf)
    return float(slopes.max())


def _parts(p: OnTheLine) -> tuple[Tensor, Tensor, float]:
    """Means (K,), weights (K,) and standard deviation of a mixture on the line."""
    means = p.mean[None] if isinstance(p, Gaussian) else p.means.double()
    require(means.shape[1] == 1, "dimensions", means.shape[1], "1: on the line quantiles exist")
    if isinstance(p, Gaussian):
        return means[:, 0], means.new_ones(1), math.sqrt(float(p.covariance))
    return means[:, 0], p.weights, p.sigma


def _sorted(field: str, x: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Samples in order, with masses that sum to 1."""
    require(x.numel() == len(x) > 0 and bool(x.isfinite().all()), field, tuple(x.shape), "finite numbers, (N,)")
    x, order = x.double().flatten().sort()
    if weights is None:
        return x, x.new_full((len(x),), 1 / len(x))
    fits = len(weights) == len(x) and bool((weights >= 0).all()) and float(weights.sum()) > 0
    require(fits, f"{field}_weights", weights.tolist(), "a mass of 0 or more for each sample")
    return x, (weights.double() / weights.double().sum())[order]


def _masses(field: str, a: Tensor) -> Tensor:
    mass = float(a.double().sum())
    holds = bool((a >= 0).all()) and math.isclose(mass, 1, abs_tol=1e-5)
    require(holds, field, f"masses that sum to {mass:.6g}", "masses, none negative, that sum to 1")
    return a.double() / a.double().sum()  # exactly: the programme has no plan otherwise
