"""Kernel two-sample distances: squared MMD with any kernel, KID, CMMD, and a permutation test (Borji's 8)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.intervals import Z95
from saddle.evaluation.pairs import WIDTHS, KernelSums, mean_squared_distance
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.study import Study

__all__ = [
    "biased",
    "cmmd",
    "cmmd_sums",
    "cubic",
    "gaussian",
    "jackknife_error",
    "kernel_sums",
    "kid",
    "kid_on_subsets",
    "mmd",
    "permutation_p_value",
    "unbiased",
]

Kernel = Callable[[Tensor, Tensor], Tensor]
"""k(x_i, y_j) of rows (n, d), (m, d): (n, m)."""

CMMD_SIGMA = 10.0
"""Width of CMMD's kernel, for rows of length 1."""
CMMD_SCALE = 1000.0
"""What CMMD is multiplied by."""
TESTED = 1000
"""Samples of each side that the permutation test looks at, at most."""
PERMUTATIONS = 500
"""Relabellings that it draws."""
TILE = 512
"""Rows and columns of a tile in `kernel_sums`."""


def cubic(x: Tensor, y: Tensor) -> Tensor:
    """(x.y / d + 1)^3, KID's kernel, of the rows as they are.

    Args:
        x: (n, d).
        y: (m, d).
    Returns:
        (n, m), in the rows' precision.
    Source: Bińkowski et al. 2018, arXiv:1801.01401.

    >>> cubic(torch.ones(1, 4), torch.ones(1, 4))
    tensor([[8.]])
    """
    base = (x @ y.T).div_(x.shape[1]).add_(1.0)
    return base * base * base


def gaussian(*sigmas: float) -> Kernel:
    """The mean of the kernels exp(-|x - y|^2 / 2 sigma^2), float64.

    >>> gaussian(1.0)(torch.zeros(1, 2), torch.ones(1, 2))  # exp(-1)
    tensor([[0.3679]], dtype=torch.float64)
    """

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        centre = x.double().mean(0)  # of this block: less to cancel
        a, b = x.double() - centre, y.double() - centre
        squared = (a @ b.T).mul_(-2.0).add_(a.square().sum(1, keepdim=True)).add_(b.square().sum(1))
        return sum((squared * (-0.5 / sigma**2)).exp_() for sigma in sigmas) / len(sigmas)  # type: ignore[return-value]

    return kernel


def kernel_sums(real: Tensor, fake: Tensor, kernel: Kernel) -> KernelSums:
    """Sums of any kernel over the pairs that each sample belongs to, by tiles; for what the one pass does not hold.

    Args:
        real: (N, d).
        fake: (M, d).
        kernel: symmetric.
    """
    rr, ff = _sums_within(real, kernel), _sums_within(fake, kernel)
    rf = torch.zeros(len(real), dtype=torch.float64)
    fr = torch.zeros(len(fake), dtype=torch.float64)
    for a, x in zip(rf.split(TILE), real.split(TILE), strict=True):
        for b, y in zip(fr.split(TILE), fake.split(TILE), strict=True):
            K = kernel(x, y)  # (TILE, TILE)
            a += K.sum(1)
            b += K.sum(0)
    return KernelSums(rr, ff, rf, fr)


def _sums_within(rows: Tensor, kernel: Kernel) -> Tensor:
    sums = torch.zeros(len(rows), dtype=torch.float64)
    parts = list(zip(sums.split(TILE), rows.split(TILE), strict=True))
    for i, (a, x) in enumerate(parts):
        a += kernel(x, x).fill_diagonal_(0.0).sum(1)
        for b, y in parts[i + 1 :]:
            K = kernel(x, y)
            a += K.sum(1)
            b += K.sum(0)
    return sums


def unbiased(sums: KernelSums) -> float:
    r"""Squared MMD as a U-statistic: right on average at every number of samples, so below 0 about half of the time
    when the laws agree.

    .. math:: \frac{1}{N(N-1)} \sum_{i \ne i'} k(x_i, x_{i'}) + \frac{1}{M(M-1)} \sum_{j \ne j'} k(y_j, y_{j'})
              - \frac{2}{NM} \sum_{ij} k(x_i, y_j)

    Args:
        sums: of one kernel.
    Raises:
        ValueError: fewer than 2 samples on a side.
    Source: Gretton et al. 2012, eq. 3.
    """
    n, m = _counts(sums, 2)
    return float(sums.rr.sum() / (n * (n - 1)) + sums.ff.sum() / (m * (m - 1)) - 2.0 * sums.rf.sum() / (n * m))


def biased(sums: KernelSums, diagonal: float = 1.0) -> float:
    """Squared MMD as a V-statistic: never negative, too large by about (1/N + 1/M) (k(x, x) - mean k).

    Args:
        sums: of one kernel.
        diagonal: k(x, x), which must not depend on x.
    Returns:
        In [0, inf), up to rounding.
    Source: Gretton et al. 2012, eq. 5.
    """
    n, m = _counts(sums, 1)
    within = (sums.rr.sum() + n * diagonal) / n**2 + (sums.ff.sum() + m * diagonal) / m**2
    return float(within - 2.0 * sums.rf.sum() / (n * m))


def jackknife_error(sums: KernelSums) -> float:
    r"""Standard error of `unbiased` over the samples of both sides: exact leave-one-out values, from the sums alone.

    var = (N - 1)/N \sum_i (U_{-i} - mean)^2 + the same over j. Where the laws differ it is right to first order; where
    they agree the statistic is degenerate and the jackknife's variance is twice the true one: the interval is wide.

    Raises:
        ValueError: fewer than 3 samples on a side.
    Source: Efron and Stein 1981.
    """
    n, m = _counts(sums, 3)
    rr, ff, rf = sums.rr.sum(), sums.ff.sum(), sums.rf.sum()
    without_x = (rr - 2.0 * sums.rr) / ((n - 1) * (n - 2)) - 2.0 * (rf - sums.rf) / ((n - 1) * m)
    without_y = (ff - 2.0 * sums.ff) / ((m - 1) * (m - 2)) - 2.0 * (rf - sums.fr) / ((m - 1) * n)
    variances = ((k - 1) * held.var(correction=0) for k, held in ((n, without_x), (m, without_y)))
    return math.sqrt(float(sum(variances)))


def _counts(sums: KernelSums, least: int) -> tuple[int, int]:
    n, m = len(sums.rr), len(sums.ff)
    require(min(n, m) >= least, "samples", (n, m), f"{least} or more on each side")
    return n, m


def kid_on_subsets(
    real: Tensor, fake: Tensor, rng: torch.Generator, subsets: int = 100, size: int = 1000
) -> tuple[float, float]:
    """KID as other packages print it: mean and standard deviation (of the population) over random subsets.

    Its mean estimates what `unbiased` computes from all pairs; its deviation belongs to subsets of this size and is no
    error of the mean.

    Args:
        real: (N, d).
        fake: (M, d).
        rng: draws the subsets, without replacement within one.
        subsets: how many.
        size: samples of each side in one; all of the smaller side where that has fewer.
    """
    size = min(size, len(real), len(fake))
    require(size >= 2 and subsets >= 1, "subsets", f"{subsets} of {size}", "1 or more, of 2 or more samples")
    values = []
    for _ in range(subsets):
        x, y = (rows[torch.randperm(len(rows), generator=rng)[:size]].double() for rows in (real, fake))
        rr, ff = (float(K.sum() - K.trace()) / (size * (size - 1)) for K in (cubic(x, x), cubic(y, y)))
        values.append(rr + ff - 2.0 * float(cubic(x, y).mean()))
    held = torch.tensor(values, dtype=torch.float64)
    return float(held.mean()), float(held.std(correction=0))


def cmmd_sums(real: Tensor, fake: Tensor, sigma: float = CMMD_SIGMA) -> KernelSums:
    """Sums of exp(-|x - y|^2 / 2 sigma^2) - 1 over rows scaled to length 1.

    The 1 cancels in every MMD; on the unit sphere the kernel is so close to it that taking it off first, by expm1 in
    float64, keeps the digits that the definition loses.

    Args:
        real: (N, d), no row of zeros.
        fake: (M, d), likewise.
        sigma: width.
    Raises:
        ValueError: a row of zeros, which has no direction.
    """
    sides = []
    for name, rows in (("real", real), ("fake", fake)):
        length = rows.double().norm(dim=1, keepdim=True)
        require(bool((length > 0).all()), name, "a row of zeros", "features with a direction")
        sides.append(rows.double() / length)
    # |x - y|^2 = 2 - 2 x.y on the unit sphere
    return kernel_sums(sides[0], sides[1], lambda x, y: (x @ y.T).sub_(1.0).mul_(1.0 / sigma**2).expm1_())


def permutation_p_value(
    real: Tensor, fake: Tensor, kernel: Kernel, rng: torch.Generator, permutations: int = PERMUTATIONS
) -> float:
    """p-value of the unbiased squared MMD when samples are relabelled at random: exact for every kernel and law.

    All relabellings go through one matrix product with the kernel matrix of the pooled samples. The kernel must not
    depend on which side a sample is from.

    Args:
        real: (N, d), N >= 2.
        fake: (M, d), M >= 2.
        kernel: symmetric.
        rng: draws the relabellings.
        permutations: how many, B.
    Returns:
        (1 + number of relabellings at least as large) / (B + 1), in (0, 1].
    Source: Gretton et al. 2012, section 5; Phipson and Smyth 2010 for the 1.
    """
    n, m = len(real), len(fake)
    require(min(n, m) >= 2, "samples", (n, m), "2 or more on each side")
    pooled = torch.cat([real, fake])
    K = kernel(pooled, pooled).double().fill_diagonal_(0.0)  # (n + m, n + m)
    labels = torch.zeros(n + m, permutations + 1, dtype=torch.float64)  # 1: real; the first column is the truth
    labels[:n, 0] = 1.0
    for column in labels.T[1:]:
        column[torch.randperm(n + m, generator=rng)[:n]] = 1.0
    rows = K.sum(1)
    rr = (labels * (K @ labels)).sum(0)
    rf = labels.T @ rows - rr
    ff = rows.sum() - rr - 2.0 * rf
    values = rr / (n * (n - 1)) + ff / (m * (m - 1)) - 2.0 * rf / (n * m)
    rounding = 1e-12 * float(K.abs().mean())  # a relabelling that changes nothing counts as equal
    return float((values[1:] >= values[0] - rounding).sum() + 1) / (permutations + 1)


def mmd(study: Study) -> Result:
    """Value: unbiased squared MMD under the mean of five Gaussian kernels, sigma^2 from 1/4 to 4 mean squared distances
    of the real side. Interval: jackknife over samples.

    Details: each width's unbiased and biased value, ``kid``, and ``p_value`` of a permutation test on at most 1,000
    samples a side.
    """
    sums = study.pairs.gaussian
    mean = _mean(sums)
    rng = study.rng("mmd")
    real, fake = (_some(rows, rng) for rows in (study.real_features, study.fake_features))
    scale = mean_squared_distance(torch.cat([real, fake])) or 1.0
    kernel = gaussian(*((width * scale) ** 0.5 for width in WIDTHS))
    details: dict[str, Any] = {
        "widths": [{"sigma": one.sigma, "unbiased": unbiased(one), "biased": biased(one)} for one in sums],
        "biased": biased(mean),
        "kid": unbiased(study.pairs.cubic),
        "p_value": permutation_p_value(real, fake, kernel, rng),
        "p_value_samples": [len(real), len(fake)],
        "permutations": PERMUTATIONS,
        "interval_over": "samples of both sides",
    }
    return Result(unbiased(mean), _around(unbiased(mean), mean), details)


def kid(study: Study) -> Result:
    """Value: unbiased squared MMD under (x.y / d + 1)^3 over all pairs, which is what a mean over subsets estimates.
    Interval: jackknife over samples. Details: ``error``, its standard error.
    """
    sums = study.pairs.cubic
    details = {
        "kernel": "(x.y / d + 1)^3",
        "protocol": "all pairs, unbiased",
        "error": jackknife_error(sums),
        "interval_over": "samples of both sides",
    }
    return Result(unbiased(sums), _around(unbiased(sums), sums), details)


def cmmd(study: Study) -> Result:
    """Value: 1000 times the biased squared MMD of features scaled to length 1, Gaussian kernel with sigma = 10.
    Interval: jackknife over samples, about the value.

    Details: ``unbiased``, and ``expected``: what the biased value is on average when the laws agree.
    """
    sums = cmmd_sums(study.real_features, study.fake_features)
    n, m = len(sums.rr), len(sums.ff)
    mean = float(sums.rf.sum()) / (n * m)
    scaled = replace(sums, **{name: CMMD_SCALE * getattr(sums, name) for name in ("rr", "ff", "rf", "fr")})
    value = max(0.0, biased(scaled, diagonal=0.0))
    low, high = _around(value, scaled)
    details = {
        "sigma": CMMD_SIGMA,
        "scale": CMMD_SCALE,
        "unbiased": unbiased(scaled),
        "expected": -CMMD_SCALE * mean * (1 / n + 1 / m),
        "interval_over": "samples of both sides",
    }
    return Result(value, (max(0.0, low), high), details)


def _around(value: float, sums: KernelSums) -> Interval:
    half = Z95 * jackknife_error(sums)
    return value - half, value + half


def _mean(sums: Sequence[KernelSums]) -> KernelSums:
    """Sums of the mean of the kernels."""
    stacked = (torch.stack([getattr(one, name) for one in sums]) for name in ("rr", "ff", "rf", "fr"))
    rr, ff, rf, fr = (held.mean(0) for held in stacked)
    return KernelSums(rr, ff, rf, fr)


def _some(rows: Tensor, rng: torch.Generator) -> Tensor:
    return rows if len(rows) <= TESTED else rows[torch.randperm(len(rows), generator=rng)[:TESTED]]
