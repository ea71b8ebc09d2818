r"""f-divergences and the games that minimise them: generator f, conjugate f*, output activation, optimal critic.

Conventions (Nowozin et al. 2016, f-GAN, arXiv:1606.00709). P is the data, Q the model, u = p/q, and

    D_f(P || Q) = sum_x q(x) f(p(x) / q(x)) = sup_T E_P[T(x)] - E_Q[f*(T(x))],    f*(t) = sup_u (u t - f(u)),

with the supremum over critics T reached at T*(x) = f'(p(x)/q(x)). A network's raw output v becomes T = g_f(v) by an
activation that maps the real line into the domain of f*; every one here increases, so a large v always means "real".
Pearson and total variation are taken on the whole line of u, as in the paper, which only matters for t < f'(0).

Where printed tables and these formulas differ, the formulas follow f:

- ``jensen-shannon`` has the paper's f, whose divergence is KL(P||M) + KL(Q||M) with M = (P + Q)/2: *twice* the usual
  Jensen-Shannon divergence JSD (the integral printed beside it carries a factor 1/2 that f does not).
- ``gan`` is the value of the original game, 2 JSD - log 4 = ``jensen-shannon`` - log 4. It is the one whose f(1) is
  not 0 but -log 4, so that is its value at P = Q.
- ``pearson`` is sum (p - q)^2 / q, what f(u) = (u - 1)^2 gives; tables that print it with 1/p describe ``neyman``.
- The optimal critic of ``reverse-kl`` is -q/p, without the square root of lecture 000's table.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from saddle.config import require
from saddle.objectives.adversarial import CriticLoss

__all__ = ["DIVERGENCES", "FDivergence", "fgan_critic", "fgan_generator", "fgan_generator_heuristic"]

LOG2 = math.log(2)
Elementwise = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class FDivergence:
    """One f-divergence and all that training with it needs. The functions act on each element, any shape.

    >>> kl = DIVERGENCES["kl"]
    >>> p, q = torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75])
    >>> kl.divergence(p, q)  # sum p log(p/q)
    tensor(0.1438, dtype=torch.float64)
    >>> t = kl.optimal_critic(p / q)  # 1 + log(p/q)
    >>> (p * t - q * kl.conjugate(t)).sum()
    tensor(0.1438)
    """

    name: str
    """Its key in ``DIVERGENCES``."""
    formula: str
    """D_f(P || Q) in words of p and q."""
    f: Elementwise
    """f(u), convex, for u >= 0; at u = 0 its limit, which may be infinite."""
    derivative: Elementwise
    """f'(u) for u > 0; a subgradient where f has a corner."""
    conjugate: Elementwise
    """f*(t), infinite outside its domain."""
    activation: Elementwise
    """g_f(v), increasing, from the raw output v to the domain of f*."""
    conjugate_of_activation: Elementwise
    """f*(g_f(v)), simplified: it neither cancels nor overflows unless the value itself does."""
    threshold: float
    """f'(1): T above it says "more likely real"."""
    slope_at_infinity: float
    """lim f(u)/u, the price of each unit of P where Q has none; also the upper end of the domain of f*."""
    range: tuple[float, float]
    """Least and greatest value of the divergence, f(1) and f(0) + lim f(u)/u."""
    source: str = "arXiv:1606.00709"
    """The paper."""

    def optimal_critic(self, ratio: Tensor) -> Tensor:
        """T* = f'(p/q), the critic at which the variational bound is reached.

        Args:
            ratio: p(x)/q(x) > 0, any shape.
        """
        return self.derivative(ratio)

    def divergence(self, p: Tensor, q: Tensor) -> Tensor:
        """D_f(P || Q) of two discrete distributions, with the limits of q f(p/q) where p or q is 0.

        An outcome with p = q = 0 counts nothing, one with p = 0 counts q f(0), and one with q = 0 counts p lim f(u)/u,
        either of which may be infinite. Computed in float64, differentiable in p and q.

        Args:
            p: probabilities of the outcomes, any shape, summing to 1.
            q: probabilities of the same outcomes, the same shape.
        Returns:
            Scalar float64 in ``range``; in nats where f has a logarithm, else without unit.
        Raises:
            ValueError: the shapes differ, or one is no distribution.
        """
        shapes = (tuple(p.shape), tuple(q.shape))
        require(p.shape == q.shape, "shapes of p and q", shapes, "equal ones, an entry for each outcome")
        p, q = _distribution("p", p), _distribution("q", q)
        both = (p > 0) & (q > 0)
        total = (q[both] * self.f(p[both] / q[both])).sum()
        only_p, only_q = p[(p > 0) & (q == 0)], q[(q > 0) & (p == 0)]
        if len(only_p):  # not 0 * inf where there is none
            total = total + only_p.sum() * self.slope_at_infinity
        if len(only_q):
            total = total + only_q.sum() * self.f(p.new_zeros(()))
        return total


def _distribution(field: str, p: Tensor) -> Tensor:
    p = p.double()
    mass = float(p.detach().sum())
    holds = bool((p >= 0).all()) and math.isclose(mass, 1, abs_tol=1e-5)
    require(holds, field, f"a table that sums to {mass:.6g}", "probabilities, none negative, that sum to 1")
    return p


def _inside(domain: Tensor, value: Tensor) -> Tensor:
    return torch.where(domain, value, math.inf)


KL = FDivergence(
    name="kl",
    formula="sum p log(p/q)",
    f=lambda u: torch.xlogy(u, u),
    derivative=lambda u: 1 + u.log(),
    conjugate=lambda t: (t - 1).exp(),
    activation=lambda v: v,
    conjugate_of_activation=lambda v: (v - 1).exp(),
    threshold=1.0,
    slope_at_infinity=math.inf,
    range=(0.0, math.inf),
)
REVERSE_KL = FDivergence(
    name="reverse-kl",
    formula="sum q log(q/p)",
    f=lambda u: -u.log(),
    derivative=lambda u: -1 / u,
    conjugate=lambda t: -1 - (-t).clamp(min=0).log(),
    activation=lambda v: -(-v).exp(),
    conjugate_of_activation=lambda v: v - 1,
    threshold=-1.0,
    slope_at_infinity=0.0,
    range=(0.0, math.inf),
)
PEARSON = FDivergence(
    name="pearson",
    formula="sum (p - q)^2 / q",
    f=lambda u: (u - 1).square(),
    derivative=lambda u: 2 * (u - 1),
    conjugate=lambda t: t * (1 + t / 4),
    activation=lambda v: v,
    conjugate_of_activation=lambda v: v * (1 + v / 4),
    threshold=0.0,
    slope_at_infinity=math.inf,
    range=(0.0, math.inf),
)
NEYMAN = FDivergence(
    name="neyman",
    formula="sum (p - q)^2 / p",
    f=lambda u: (u - 1).square() / u,
    derivative=lambda u: 1 - u.pow(-2),
    conjugate=lambda t: _inside(t <= 1, 2 - 2 * (1 - t).clamp(min=0).sqrt()),
    activation=lambda v: -torch.expm1(-v),  # 1 - exp(-v)
    conjugate_of_activation=lambda v: -2 * torch.expm1(-v / 2),  # 2 - 2 exp(-v/2)
    threshold=0.0,
    slope_at_infinity=1.0,
    range=(0.0, math.inf),
)
SQUARED_HELLINGER = FDivergence(
    name="squared-hellinger",
    formula="sum (sqrt(p) - sqrt(q))^2",
    f=lambda u: (u.sqrt() - 1).square(),
    derivative=lambda u: 1 - u.rsqrt(),
    conjugate=lambda t: _inside(t < 1, t / (1 - t)),
    activation=lambda v: -torch.expm1(-v),  # 1 - exp(-v)
    conjugate_of_activation=torch.expm1,  # (1 - exp(-v)) / exp(-v)
    threshold=0.0,
    slope_at_infinity=1.0,
    range=(0.0, 2.0),
)
JENSEN_SHANNON = FDivergence(
    name="jensen-shannon",
    formula="sum p log(2p/(p + q)) + q log(2q/(p + q)) = 2 JSD",
    f=lambda u: torch.xlogy(u, u) - (u + 1) * ((u + 1) / 2).log(),
    derivative=lambda u: LOG2 - torch.log1p(1 / u),
    conjugate=lambda t: -(-2 * torch.expm1(t - LOG2)).clamp(min=0).log(),  # -log(2 - exp(t))
    activation=lambda v: LOG2 - F.softplus(-v),
    conjugate_of_activation=lambda v: F.softplus(v) - LOG2,
    threshold=0.0,
    slope_at_infinity=LOG2,
    range=(0.0, 2 * LOG2),
)
GAN = FDivergence(
    name="gan",
    formula="sum p log(p/(p + q)) + q log(q/(p + q)) = 2 JSD - log 4",
    f=lambda u: torch.xlogy(u, u) - (u + 1) * torch.log1p(u),
    derivative=lambda u: -torch.log1p(1 / u),
    conjugate=lambda t: -(-torch.expm1(t)).clamp(min=0).log(),  # -log(1 - exp(t))
    activation=lambda v: -F.softplus(-v),
    conjugate_of_activation=F.softplus,
    threshold=-LOG2,
    slope_at_infinity=0.0,
    range=(-2 * LOG2, 0.0),
)
TOTAL_VARIATION = FDivergence(
    name="total-variation",
    formula="sum |p - q| / 2",
    f=lambda u: (u - 1).abs() / 2,
    derivative=lambda u: (u - 1).sign() / 2,
    conjugate=lambda t: _inside(t.abs() <= 0.5, t),
    activation=lambda v: v.tanh() / 2,
    conjugate_of_activation=lambda v: v.tanh() / 2,
    threshold=0.0,
    slope_at_infinity=0.5,
    range=(0.0, 1.0),
)

DIVERGENCES: dict[str, FDivergence] = {
    "kl": KL,
    "reverse-kl": REVERSE_KL,
    "pearson": PEARSON,
    "neyman": NEYMAN,
    "squared-hellinger": SQUARED_HELLINGER,
    "jensen-shannon": JENSEN_SHANNON,
    "gan": GAN,
    "total-variation": TOTAL_VARIATION,
}
"""The family by name; ``choose(name, DIVERGENCES, "divergence")`` picks one."""


def fgan_critic(div: FDivergence) -> CriticLoss:
    r"""The critic loss of the game for ``div``, -E_P[g_f(v)] + E_Q[f*(g_f(v))]; minus its sum bounds D_f from below.

    For ``gan`` it is :func:`~saddle.objectives.adversarial.minimax_critic`.

    Args:
        div: the divergence.
    Returns:
        A loss (raw outputs on real, on generated samples, any shapes) -> ``real``, ``fake``, scalars. Where g_f or f*
        is an exponential (kl, reverse-kl, neyman, squared-hellinger) so is the loss, and it overflows when its value
        does: keep those critics moderate.
    Source: Nowozin et al. 2016, eq. 6 and 7, arXiv:1606.00709.

    >>> fgan_critic(DIVERGENCES["gan"])(torch.zeros(4), torch.zeros(4))
    {'real': tensor(0.6931), 'fake': tensor(0.6931)}
    """

    def critic(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        return {"real": -div.activation(real).mean(), "fake": div.conjugate_of_activation(fake).mean()}

    return critic


def fgan_generator(div: FDivergence, fake: Tensor) -> Tensor:
    r"""The generator's side of the same objective, -E_Q[f*(g_f(v))].

    Args:
        div: the divergence.
        fake: raw critic outputs of generated samples, any shape.
    Returns:
        Scalar; the part of the bound on D_f that depends on the generator.
    Source: Nowozin et al. 2016, eq. 7, arXiv:1606.00709.

    >>> fgan_generator(DIVERGENCES["gan"], torch.zeros(4))  # the minimax cost
    tensor(-0.6931)
    """
    return -div.conjugate_of_activation(fake).mean()


def fgan_generator_heuristic(div: FDivergence, fake: Tensor) -> Tensor:
    r"""The generator's alternative, -E_Q[g_f(v)]: raise what the critic wants of real samples. No longer minimises D_f.

    For ``gan`` it is the non-saturating cost.

    Args:
        div: the divergence.
        fake: raw critic outputs of generated samples, any shape.
    Returns:
        Scalar.
    Source: Nowozin et al. 2016, section 3.2, arXiv:1606.00709.

    >>> fgan_generator_heuristic(DIVERGENCES["gan"], torch.zeros(4))
    tensor(0.6931)
    """
    return -div.activation(fake).mean()
