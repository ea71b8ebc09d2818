r"""Entropy, cross-entropy and divergences of discrete distributions, exact, in float64.

A distribution is a table of probabilities: a tensor of any shape or a sequence of numbers, none negative, summing to 1.
Results are float64 scalars through which gradients flow. Entropies and divergences with a logarithm are in nats, or in
units of ``log base`` (``base=2``: bits). What is infinite comes out infinite: KL where q forbids what p does.

Every divergence is an entry of ``saddle.objectives.DIVERGENCES``, brought to the convention written beside it here.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from saddle.config import choose, require
from saddle.objectives import DIVERGENCES

__all__ = [
    "Probabilities",
    "chi2",
    "cross_entropy",
    "entropy",
    "f_divergence",
    "hellinger",
    "jeffreys",
    "js",
    "js_distance",
    "kl",
    "squared_hellinger",
    "total_variation",
    "variational_bound",
]

Probabilities = Tensor | Sequence[float]
"""A table of probabilities that sum to 1: an entry for each outcome."""

SMALLEST = 1e-300
"""What probabilities above 0 and below this are taken for: float64 cannot hold their ratio to ordinary ones."""


def entropy(p: Probabilities, base: float = math.e) -> Tensor:
    r"""H(p) = -sum p log p, from 0 (one outcome is certain) to log n (all n are equally likely).

    High entropy is the uniform one; lecture 004 says it the other way round.

    Source: Shannon 1948.

    >>> entropy([0.5, 0.25, 0.25], base=2)
    tensor(1.5000, dtype=torch.float64)
    """
    return cross_entropy(p, p, base)


def cross_entropy(p: Probabilities, q: Probabilities, base: float = math.e) -> Tensor:
    r"""H(p, q) = -sum p log q = H(p) + KL(p || q): the cost of coding p with q's code. Least at q = p.

    Args:
        p: what happens.
        q: what is believed, on the same outcomes; infinite where it forbids what happens.
        base: of the logarithm, above 1.
    Raises:
        ValueError: the shapes differ, one is no distribution, or ``base`` is out of range.

    >>> cross_entropy([0.5, 0.5], [0.25, 0.75], base=2)
    tensor(1.2075, dtype=torch.float64)
    >>> cross_entropy([0.5, 0.5], [1.0, 0.0])
    tensor(inf, dtype=torch.float64)
    """
    p, q = _table("p", p), _table("q", q)
    require(p.shape == q.shape, "shapes of p and q", (tuple(p.shape), tuple(q.shape)), "an entry for each outcome")
    happens = p > 0
    return -(p[happens] * q[happens].log()).sum() / _unit(base)


def kl(p: Probabilities, q: Probabilities, base: float = math.e) -> Tensor:
    r"""KL(p || q) = sum p log(p/q) >= 0, 0 only at p = q; not symmetric; infinite where q = 0 < p.

    Source: Kullback and Leibler 1951.

    >>> kl([0.5, 0.5], [0.25, 0.75]), kl([0.25, 0.75], [0.5, 0.5])
    (tensor(0.1438, dtype=torch.float64), tensor(0.1308, dtype=torch.float64))
    >>> kl([1.0, 0.0], [0.0, 1.0])
    tensor(inf, dtype=torch.float64)
    """
    return f_divergence("kl", p, q) / _unit(base)


def jeffreys(p: Probabilities, q: Probabilities, base: float = math.e) -> Tensor:
    r"""J(p, q) = KL(p || q) + KL(q || p): symmetric, infinite unless both forbid the same outcomes.

    Source: Jeffreys 1946.

    >>> jeffreys([0.5, 0.5], [0.25, 0.75])
    tensor(0.2747, dtype=torch.float64)
    """
    return (f_divergence("kl", p, q) + f_divergence("reverse-kl", p, q)) / _unit(base)


def js(p: Probabilities, q: Probabilities, base: float = math.e) -> Tensor:
    r"""JSD(p, q) = KL(p || m)/2 + KL(q || m)/2 with m = (p + q)/2: symmetric, in [0, log 2], log 2 when disjoint.

    Half of ``DIVERGENCES["jensen-shannon"]``. No metric: see `js_distance`.

    Source: Lin 1991.

    >>> js([1.0, 0.0], [0.0, 1.0], base=2)
    tensor(1., dtype=torch.float64)
    """
    return f_divergence("jensen-shannon", p, q) / 2 / _unit(base)


def js_distance(p: Probabilities, q: Probabilities, base: float = math.e) -> Tensor:
    r"""sqrt(JSD(p, q)), which is a metric: it satisfies the triangle inequality, which JSD does not.

    Source: Endres and Schindelin 2003. Lecture 004 calls JSD itself a metric.

    >>> p, q, r = [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]
    >>> bool(js_distance(p, r) <= js_distance(p, q) + js_distance(q, r)), bool(js(p, r) <= js(p, q) + js(q, r))
    (True, False)
    """
    return js(p, q, base).clamp(min=0).sqrt()  # rounding can leave -1e-17 at p = q


def total_variation(p: Probabilities, q: Probabilities) -> Tensor:
    r"""TV(p, q) = sum |p - q| / 2 in [0, 1]: the largest difference in the probability of any event. A metric.

    >>> total_variation([0.5, 0.5], [0.25, 0.75])
    tensor(0.2500, dtype=torch.float64)
    """
    return f_divergence("total-variation", p, q)


def squared_hellinger(p: Probabilities, q: Probabilities) -> Tensor:
    r"""sum (sqrt p - sqrt q)^2 = 2 - 2 sum sqrt(pq) in [0, 2], without the factor 1/2 that `hellinger` has.

    >>> squared_hellinger([1.0, 0.0], [0.0, 1.0])
    tensor(2., dtype=torch.float64)
    """
    return f_divergence("squared-hellinger", p, q)


def hellinger(p: Probabilities, q: Probabilities) -> Tensor:
    r"""sqrt(sum (sqrt p - sqrt q)^2 / 2) in [0, 1]. A metric.

    >>> hellinger([1.0, 0.0], [0.0, 1.0])
    tensor(1., dtype=torch.float64)
    """
    return (squared_hellinger(p, q) / 2).sqrt()


def chi2(p: Probabilities, q: Probabilities) -> Tensor:
    r"""Pearson's chi^2(p || q) = sum (p - q)^2 / q >= 0; infinite where q = 0 < p. Neyman's has p below: swap them.

    >>> chi2([0.5, 0.5], [0.25, 0.75])
    tensor(0.3333, dtype=torch.float64)
    """
    return f_divergence("pearson", p, q)


def f_divergence(name: str, p: Probabilities, q: Probabilities) -> Tensor:
    r"""D_f(p || q) = sum q f(p/q) for a name of ``DIVERGENCES``, in that table's convention.

    Args:
        name: ``"kl"``, ``"reverse-kl"``, ``"pearson"``, ``"gan"``, ...
        p: the first distribution; the data of an f-GAN.
        q: the second, on the same outcomes; its model.
    Raises:
        ValueError: unknown name, shapes that differ, or a table that is no distribution.
    Source: Csiszar 1967; Nowozin et al. 2016, arXiv:1606.00709.

    >>> f_divergence("gan", [0.5, 0.5], [0.5, 0.5])  # -log 4
    tensor(-1.3863, dtype=torch.float64)
    """
    return choose(name, DIVERGENCES, "divergence").divergence(_table("p", p), _table("q", q))


def variational_bound(name: str, p: Probabilities, q: Probabilities, critic: Tensor) -> Tensor:
    r"""E_p[T] - E_q[f*(T)] <= D_f(p || q), with equality at T* = f'(p/q).

    Args:
        name: of the divergence.
        p: the data's distribution.
        q: the model's.
        critic: T for each outcome, of the same shape; outside f*'s domain the bound is -inf.
    Raises:
        ValueError: unknown name, or a table that is no distribution.
    Source: Nguyen et al. 2010; Nowozin et al. 2016, eq. 4, arXiv:1606.00709.

    >>> p, q = torch.tensor([0.5, 0.5]).double(), torch.tensor([0.25, 0.75]).double()
    >>> variational_bound("kl", p, q, DIVERGENCES["kl"].optimal_critic(p / q)), kl(p, q)
    (tensor(0.1438, dtype=torch.float64), tensor(0.1438, dtype=torch.float64))
    """
    div, p, q = choose(name, DIVERGENCES, "divergence"), _table("p", p), _table("q", q)
    return (p * critic).sum() - (q * div.conjugate(critic.double())).sum()


def _table(field: str, p: Probabilities) -> Tensor:
    table = torch.as_tensor(p, dtype=torch.float64)
    mass = float(table.detach().sum())
    holds = bool((table >= 0).all()) and math.isclose(mass, 1, abs_tol=1e-5)
    require(holds, field, f"a table that sums to {mass:.6g}", "probabilities, none negative, that sum to 1")
    return torch.where((table > 0) & (table < SMALLEST), SMALLEST, table)


def _unit(base: float) -> float:
    require(base > 1 and math.isfinite(base), "base", base, "the base of a logarithm, above 1")
    return math.log(base)
