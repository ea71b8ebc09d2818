"""Vendi scores: the effective number of different samples, of every order, from features or a kernel."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from saddle.config import require
from saddle.evaluation.intervals import Z95
from saddle.evaluation.result import Result
from saddle.evaluation.study import Study

__all__ = ["vendi", "vendi_error", "vendi_of_kernel", "vendi_score"]


def vendi_of_kernel(K: Tensor, q: float = 1.0) -> float:
    r"""Vendi score of order q, exp of the Rényi entropy of the eigenvalues of K / n: (sum_i l_i^q)^{1 / (1 - q)}.

    q = 1 is the limit exp(-sum_i l_i log l_i); q = inf is 1 / max_i l_i. Small orders count rare kinds of samples in
    full, large ones hardly.

    Args:
        K: similarities (n, n), positive semi-definite, 1 on the diagonal.
        q: order, 0 to infinity.
    Returns:
        In [1, n]: n for samples that have nothing in common, 1 for equal ones.
    Raises:
        ValueError: not square, not 1 on the diagonal, or q < 0.
    Source: Friedman and Dieng 2022, arXiv:2210.02410, eq. 1; orders: Pasarkar and Dieng 2023, arXiv:2310.12952.

    >>> round(vendi_of_kernel(torch.eye(5)), 6), round(vendi_of_kernel(torch.ones(5, 5), q=2), 6)
    (5.0, 1.0)
    """
    require(K.ndim == 2 and len(K) == K.shape[-1] >= 1, "kernel", tuple(K.shape), "similarities (n, n)")
    K = K.double()
    require(bool((K.diagonal() - 1.0).abs().max() < 1e-6), "kernel", "another diagonal", "1 on the diagonal")
    return _effective_number(torch.linalg.eigvalsh(K / len(K)), q)


def vendi_score(rows: Tensor, q: float = 1.0) -> float:
    """Vendi score of order q of features under the cosine kernel, by the smaller of X X^T and X^T X.

    Args:
        rows: features (n, d). A row of zeros is like other rows of zeros only.
        q: order, 0 to infinity.
    Returns:
        In [1, min(n, d)] (d + 1 with rows of zeros). Grows with n: compare at equal n.
    Raises:
        ValueError: another shape, not finite, or q < 0.
    Source: Friedman and Dieng 2022, arXiv:2210.02410.

    >>> round(vendi_score(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [0.0, 1.0]])), 6)
    2.0
    """
    X = _directions(rows)
    return _effective_number(torch.linalg.eigvalsh(_smaller(X)), q)


def vendi_error(rows: Tensor) -> tuple[float, float]:
    r"""Vendi score of order 1 and the standard error of its logarithm over samples.

    The entropy H = -tr C log C of C = X^T X / n moves with the weight of a sample x by phi(x) = -x^T (log C) x - H.

    Args:
        rows: features (n, d).
    Returns:
        Score, as `vendi_score`, and the error in [0, inf) in nats: about a quarter too small where n <= d, for then the
        eigenvalues move by more than their first order.
    Source: derived here.
    """
    X = _directions(rows)
    n = len(X)
    if n <= X.shape[1]:
        values, U = torch.linalg.eigh(_smaller(X))
        energy = U.square() * values.clamp_min(0.0) * n  # (n, n): (v_r . x_i)^2
    else:
        values, V = torch.linalg.eigh(_smaller(X))
        energy = (X @ V).square()  # (n, d)
    logs = torch.where(values > _floor(values), values, 1.0).log()
    return _effective_number(values, 1.0), float((energy @ logs).std(correction=0)) / math.sqrt(n)


def vendi(study: Study) -> Result:
    """Vendi score of the generated features under the cosine kernel.

    Details: orders 2 and infinity; ``real``, the data's own score, and ``fake``, that of the generated side, both at
    ``equal_samples`` rows chosen by the seed: only these two compare. No interval where N <= d.
    """
    real, fake = study.real_features, study.fake_features
    score, error = vendi_error(fake)
    equal, rng = min(len(real), len(fake)), study.rng("vendi")
    some = [rows[torch.randperm(len(rows), generator=rng)[:equal]] for rows in (real, fake)]
    details: dict[str, Any] = {
        "kernel": "cosine",
        "order": 1,
        "order_2": vendi_score(fake, 2.0),
        "order_infinity": vendi_score(fake, math.inf),
        "real": vendi_score(some[0]),
        "fake": vendi_score(some[1]),
        "equal_samples": equal,
        "interval_over": "generated samples, at this number of samples",
    }
    if len(fake) <= fake.shape[1]:
        return Result(
            score, None, details | {"interval_over": f"none: {len(fake)} samples in {fake.shape[1]} dimensions"}
        )
    low, high = (min(max(score * math.exp(side * Z95 * error), 1.0), float(len(fake))) for side in (-1, 1))
    return Result(score, (low, high), details)


def _directions(rows: Tensor) -> Tensor:
    """Rows of length 1, float64; those of zeros point along an axis of their own."""
    require(rows.ndim == 2 and rows.numel() > 0, "features", tuple(rows.shape), "features (n, d), 1 or more")
    require(bool(rows.isfinite().all()), "features", "NaN or infinity", "finite numbers")
    X = F.normalize(rows.double(), dim=1, eps=1e-300)
    zero = (rows == 0).all(1, keepdim=True)
    return torch.cat([X, zero.double()], 1) if bool(zero.any()) else X


def _smaller(X: Tensor) -> Tensor:
    n, d = X.shape
    return (X @ X.T if n <= d else X.T @ X) / n


def _floor(values: Tensor) -> Tensor:
    """Below this an eigenvalue is rounding."""
    return len(values) * torch.finfo(values.dtype).eps * values[-1]


def _effective_number(values: Tensor, q: float) -> float:
    require(q >= 0, "q", q, "an order of 0 to infinity")
    values = values[values > _floor(values)]
    if q == 1:
        return float((-(values * values.log()).sum()).exp())
    if math.isinf(q):
        return float(1.0 / values.max())
    return float((q * values.log()).logsumexp(0).div(1.0 - q).exp())
