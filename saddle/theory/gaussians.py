r"""Closed forms between Gaussians, on the line and in d dimensions, in nats.

Write p = N(a, A), q = N(b, B), m = b - a. There is no closed form for Jensen-Shannon: `quadrature.js` integrates it.
Conventions are those of ``saddle.objectives.DIVERGENCES``: squared Hellinger is 2 - 2 int sqrt(pq), total variation
int |p - q| / 2, chi^2 is Pearson's. Covariances must be positive definite.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.config import require

__all__ = [
    "Gaussian",
    "chi2",
    "cross_entropy",
    "entropy",
    "kl",
    "normal",
    "squared_hellinger",
    "total_variation",
    "w2",
]


@dataclass(frozen=True, eq=False)
class Gaussian:
    """N(mean, covariance) on R^d, in float64.

    Raises:
        ValueError: the shapes do not fit, or the covariance is not symmetric and positive definite.
    """

    mean: Tensor
    """(d,)."""
    covariance: Tensor
    """(d, d), symmetric and positive definite."""

    def __post_init__(self) -> None:
        d = self.mean.numel()
        fits = self.mean.shape == (d,) and self.covariance.shape == (d, d) and d > 0
        shapes = (tuple(self.mean.shape), tuple(self.covariance.shape))
        require(fits, "shapes of mean and covariance", shapes, "(d,) and (d, d)")
        object.__setattr__(self, "mean", self.mean.double())
        object.__setattr__(self, "covariance", self.covariance.double())
        symmetric = torch.allclose(self.covariance, self.covariance.T, rtol=1e-9, atol=0)
        definite = symmetric and bool((torch.linalg.eigvalsh(self.covariance) > 0).all())
        require(definite, "covariance", self.covariance.tolist(), "a symmetric matrix with eigenvalues above 0")

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (N, d) -> (N,), float64."""
        factor = torch.linalg.cholesky(self.covariance)
        z = torch.linalg.solve_triangular(factor, (x.double() - self.mean).T, upper=False)  # (d, N)
        return -0.5 * (z.square().sum(0) + _log_det(2 * math.pi * self.covariance))


def normal(mean: float | Sequence[float] = 0.0, sigma: float | Sequence[float] = 1.0) -> Gaussian:
    """A Gaussian with independent coordinates, on the line or, with a sequence of means, in d dimensions.

    Args:
        mean: one number, or one for each dimension.
        sigma: standard deviation, one for all dimensions or one for each, above 0.

    >>> normal([0.0, 1.0], 2.0).covariance
    tensor([[4., 0.],
            [0., 4.]], dtype=torch.float64)
    """
    means = torch.atleast_1d(torch.as_tensor(mean, dtype=torch.float64))
    sigmas = torch.as_tensor(sigma, dtype=torch.float64)
    require(bool((sigmas > 0).all()), "sigma", sigma, "a standard deviation above 0")
    return Gaussian(means, torch.diag(sigmas.square().expand(len(means))))


def entropy(p: Gaussian) -> float:
    r"""H(p) = 1/2 log det(2 pi e A): negative for a narrow one, unlike a discrete entropy.

    >>> entropy(normal(0.0, 1.0))
    1.4189...
    """
    return 0.5 * float(_log_det(2 * math.pi * math.e * p.covariance))


def cross_entropy(p: Gaussian, q: Gaussian) -> float:
    r"""H(p, q) = -E_p[log q] = 1/2 (log det(2 pi B) + tr(B^-1 A) + m' B^-1 m) = H(p) + KL(p || q).

    >>> cross_entropy(normal(0.0), normal(1.0))
    1.9189...
    """
    m = _same(p, q)
    trace = torch.linalg.solve(q.covariance, p.covariance).trace()
    return 0.5 * float(_log_det(2 * math.pi * q.covariance) + trace + _form(q.covariance, m))


def kl(p: Gaussian, q: Gaussian) -> float:
    r"""KL(p || q) = 1/2 (tr(B^-1 A) - d + m' B^-1 m + log det B - log det A).

    On the line: log(s_q/s_p) + (s_p^2 + m^2) / (2 s_q^2) - 1/2. Lecture 001 leaves the 1/2 in front out.

    >>> kl(normal(0.0, 1.0), normal(3.0, 2.0))  # log 2 + 10/8 - 1/2
    1.4431...
    """
    m = _same(p, q)
    ratio = torch.linalg.solve(q.covariance, p.covariance)
    return 0.5 * float(ratio.trace() - len(m) + _form(q.covariance, m) - torch.linalg.slogdet(ratio).logabsdet)


def squared_hellinger(p: Gaussian, q: Gaussian) -> float:
    r"""int (sqrt p - sqrt q)^2 = 2 - 2 (det A det B)^(1/4) / det(C)^(1/2) exp(-m' C^-1 m / 8), C = (A + B)/2.

    >>> squared_hellinger(normal(0.0), normal(2.0))  # 2 - 2 exp(-1/2)
    0.7869...
    """
    m, middle = _same(p, q), (p.covariance + q.covariance) / 2
    logs = (_log_det(p.covariance) + _log_det(q.covariance)) / 4 - _log_det(middle) / 2
    return -2 * math.expm1(float(logs - _form(middle, m) / 8))


def chi2(p: Gaussian, q: Gaussian) -> float:
    r"""int p^2/q - 1 = det(B)^(1/2) / (det A det(S)^(1/2)) exp((m' B^-1 S^-1 B^-1 m + m' B^-1 m) / 2) - 1.

    S = 2 A^-1 - B^-1. Infinite unless S is positive definite: on the line, unless s_p^2 < 2 s_q^2.

    >>> chi2(normal(0.0), normal(1.0))  # e - 1
    1.7182...
    >>> chi2(normal(0.0, 2.0), normal(0.0, 1.0))
    inf
    """
    m = _same(p, q)
    S = 2 * torch.linalg.inv(p.covariance) - torch.linalg.inv(q.covariance)
    if float(torch.linalg.eigvalsh(S).min()) <= 0:
        return math.inf
    scaled = torch.linalg.solve(q.covariance, m)  # B^-1 m
    logs = _log_det(q.covariance) / 2 - _log_det(p.covariance) - _log_det(S) / 2
    exponent = float(logs + (_form(S, scaled) + m @ scaled) / 2)
    return math.expm1(exponent) if exponent < 700 else math.inf  # what float64 cannot hold


def total_variation(p: Gaussian, q: Gaussian) -> float:
    r"""int |p - q| / 2 = erf(sqrt(m' A^-1 m / 8)) for equal covariances; others need `quadrature.divergence`.

    Raises:
        ValueError: the covariances differ.

    >>> total_variation(normal(0.0), normal(2.0))  # 2 Phi(1) - 1
    0.6826...
    """
    m = _same(p, q)
    equal = torch.allclose(p.covariance, q.covariance, rtol=1e-12, atol=0)
    require(equal, "covariances", "two that differ", "equal ones; quadrature.divergence('total-variation', p, q) does")
    return math.erf(math.sqrt(float(_form(p.covariance, m)) / 8))


def w2(p: Gaussian, q: Gaussian) -> float:
    r"""W_2(p, q) = sqrt(|m|^2 + tr(A + B - 2 (A^(1/2) B A^(1/2))^(1/2))): on the line, sqrt(m^2 + (s_p - s_q)^2).

    Computed as min |A^(1/2) - B^(1/2) U| over rotations U, a Procrustes problem: no difference of large numbers.

    Source: Olkin and Pukelsheim 1982; its square, of features, is the FID.

    >>> w2(normal(0.0, 1.0), normal(3.0, 5.0))
    5.0
    """
    m, root_p, root_q = _same(p, q), _root(p.covariance), _root(q.covariance)
    W, _, Vt = torch.linalg.svd(root_q @ root_p)
    return float(torch.linalg.vector_norm(torch.cat([m, (root_p - root_q @ W @ Vt).flatten()])))


def _same(p: Gaussian, q: Gaussian) -> Tensor:
    """The difference of the means, once both are seen to live in one space."""
    dimensions = (p.mean.numel(), q.mean.numel())
    require(dimensions[0] == dimensions[1], "dimensions of p and q", dimensions, "equal ones")
    return q.mean - p.mean


def _log_det(matrix: Tensor) -> Tensor:
    return torch.linalg.slogdet(matrix).logabsdet


def _form(matrix: Tensor, v: Tensor) -> Tensor:
    """v' matrix^-1 v."""
    return v @ torch.linalg.solve(matrix, v)


def _root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a positive definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.sqrt() @ vectors.T
