r"""The best critics there are, and the value of the game against them, for densities p (data) and q (model).

    D*(x) = p/(p + q),    V(D, G) = E_p[log D] + E_q[log(1 - D)],    C(G) = max_D V = 2 JSD(p, q) - log 4.

Densities are what `quadrature.density` takes. Critics act on points (N, d) and return (N,); a discriminator is given by
its logit, as everywhere in this library, since D itself rounds to 0 or 1 where its logarithm still means something.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from saddle.config import choose
from saddle.objectives import DIVERGENCES
from saddle.theory.cubature import Function, Value
from saddle.theory.quadrature import DensityLike, density, divergence, expectation

__all__ = [
    "criterion",
    "optimal_critic",
    "optimal_discriminator",
    "optimal_logit",
    "value_function",
    "variational_bound",
]


def optimal_logit(p: DensityLike, q: DensityLike) -> Function:
    """x -> log p(x) - log q(x), the logit of D*; infinite where one of them is 0, and 0 where both are.

    Source: Goodfellow et al. 2014, proposition 1, arXiv:1406.2661.

    >>> from saddle.theory.gaussians import normal
    >>> optimal_logit(normal(1.0), normal(-1.0))(torch.tensor([[0.5]]))  # 2x
    tensor([1.], dtype=torch.float64)
    """
    log_p, log_q = density(p).log, density(q).log
    return lambda x: (log_p(x) - log_q(x)).nan_to_num(nan=0.0, posinf=math.inf, neginf=-math.inf)


def optimal_discriminator(p: DensityLike, q: DensityLike) -> Function:
    """x -> D*(x) = p(x) / (p(x) + q(x)), the probability that x is data; 1/2 where p = q.

    Source: Goodfellow et al. 2014, eq. 2, arXiv:1406.2661.

    >>> from saddle.theory.gaussians import normal
    >>> optimal_discriminator(normal(1.0), normal(-1.0))(torch.tensor([[0.0]]))
    tensor([0.5000], dtype=torch.float64)
    """
    logit = optimal_logit(p, q)
    return lambda x: logit(x).sigmoid()


def optimal_critic(name: str, p: DensityLike, q: DensityLike) -> Function:
    """x -> T*(x) = f'(p(x)/q(x)), the critic that reaches D_f(p || q).

    Source: Nowozin et al. 2016, eq. 5, arXiv:1606.00709.

    >>> from saddle.theory.gaussians import normal
    >>> optimal_critic("kl", normal(1.0), normal(-1.0))(torch.tensor([[0.5]]))  # 1 + log(p/q)
    tensor([2.], dtype=torch.float64)
    """
    div, logit = choose(name, DIVERGENCES, "divergence"), optimal_logit(p, q)
    return lambda x: div.optimal_critic(logit(x).exp())


def value_function(p: DensityLike, q: DensityLike, logit: Function, tolerance: float = 1e-9) -> Value:
    """V(D, G) = E_p[log D(x)] + E_q[log(1 - D(x))] of any discriminator: at most `criterion`, reached at D*.

    Args:
        p: the data.
        q: what G makes.
        logit: x -> a with D = sigmoid(a).
        tolerance: error allowed in each expectation.
    Source: Goodfellow et al. 2014, eq. 1, arXiv:1406.2661.

    >>> from saddle.theory.gaussians import normal
    >>> round(value_function(normal(0.0), normal(3.0), lambda x: torch.zeros(len(x))).value, 6)  # D = 1/2: -log 4
    -1.386294
    """
    real = expectation(p, lambda x: -F.softplus(-logit(x)), tolerance)
    fake = expectation(q, lambda x: -F.softplus(logit(x)), tolerance)
    return _plus(real, fake)


def criterion(p: DensityLike, q: DensityLike, tolerance: float = 1e-9) -> Value:
    """C(G) = max over D of V(D, G) = 2 JSD(p, q) - log 4: from -log 4 at q = p to 0 for disjoint ones.

    Source: Goodfellow et al. 2014, theorem 1, arXiv:1406.2661.

    >>> from saddle.theory.gaussians import normal
    >>> round(criterion(normal(0.0), normal(0.0)).value, 6)
    -1.386294
    """
    return divergence("gan", p, q, tolerance)


def variational_bound(name: str, p: DensityLike, q: DensityLike, critic: Function, tolerance: float = 1e-9) -> Value:
    """E_p[T] - E_q[f*(T)] <= D_f(p || q), with equality at `optimal_critic`.

    Args:
        name: of the divergence.
        p: the data.
        q: the model.
        critic: x -> T(x); the bound is -inf where T leaves the domain of f*. Where q < 1e-18 that counts nothing: T*
            itself rounds to the end of the domain there.
        tolerance: error allowed in each expectation.
    Source: Nowozin et al. 2016, eq. 4, arXiv:1606.00709.
    """
    div, log_q = choose(name, DIVERGENCES, "divergence"), density(q).log

    def conjugate(x: Tensor) -> Tensor:
        values = div.conjugate(critic(x))
        return torch.where((values == math.inf) & (log_q(x) < math.log(1e-18)), 0.0, values)

    real, fake = expectation(p, critic, tolerance), expectation(q, conjugate, tolerance)
    return _plus(real, Value(-fake.value, fake.error, fake.note))


def _plus(a: Value, b: Value) -> Value:
    return Value(a.value + b.value, a.error + b.error, a.note or b.note)
