"""Features sorted into bins by k-means: NDB, divergence of the histograms, precision-recall of distributions."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import stats
from sklearn.cluster import KMeans
from torch import Tensor

from saddle.config import require
from saddle.evaluation.result import Result
from saddle.evaluation.study import Study

__all__ = [
    "GTest",
    "benjamini_hochberg",
    "bin_centres",
    "f_beta",
    "g_test",
    "histogram",
    "jensen_shannon",
    "ndb",
    "prd_curve",
    "prd_scores",
    "two_proportions",
]

LEVEL = 0.05
"""A bin differs where its p-value is below this."""
_FEW = 5.0
_FITTED = 2000


def bin_centres(rows: Tensor, k: int, seed: int, starts: int = 1) -> Tensor:
    """Centres of k-means bins (Lloyd's algorithm from k-means++ starts).

    Args:
        rows: features (n, d); at most 2,000 of them, chosen by the seed, are fitted.
        k: number of bins; as many as there are different rows, if that is fewer.
        seed: of the choice and of the starts.
        starts: of the algorithm; the best is kept.
    Returns:
        float64 (k, d).
    Source: Arthur and Vassilvitskii 2007.
    """
    require(rows.ndim == 2 and rows.numel() > 0, "features", tuple(rows.shape), "features (n, d), 1 or more")
    require(k >= 1, "bins", k, "1 or more")
    chosen = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:_FITTED]
    fitted = rows[chosen]
    array = fitted.cpu().numpy() + 0.0  # -0 is 0
    k = min(k, len({row.tobytes() for row in array}))
    found = KMeans(k, n_init=starts, max_iter=100, random_state=seed % 2**32).fit(array)
    return torch.from_numpy(np.asarray(found.cluster_centers_, dtype=np.float64))


def histogram(rows: Tensor, centres: Tensor) -> Tensor:
    """How many rows are nearest to each centre.

    Args:
        rows: (n, d).
        centres: (k, d).
    Returns:
        int64 (k,), summing to n.
    """
    return torch.bincount(nearest_bin(rows, centres), minlength=len(centres))


def nearest_bin(rows: Tensor, centres: Tensor) -> Tensor:
    """Index of the nearest centre of every row, int64 (n,)."""
    middle = centres.mean(0)
    centred = centres - middle
    parts = []
    for chunk in rows.split(8192):
        parts.append((0.5 * centred.square().sum(1) - (chunk.double() - middle) @ centred.T).argmin(1))
    return torch.cat(parts)


def two_proportions(p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    r"""Of every bin: whether its share differs between two sets of samples.

    z = (p_i - q_i) / sqrt(P (1 - P) (1/n_p + 1/n_q)) with the pooled share P, two-tailed; Fisher's exact test where a
    count of fewer than 5 is expected, for there z is not normal.

    Args:
        p: counts (k,).
        q: counts (k,) of the other set.
    Returns:
        z (k,), 0 for a bin that is empty in both, and p-values (k,).
    Raises:
        ValueError: other shapes, or an empty set.
    Source: Richardson and Weiss 2018, arXiv:1805.12462, section 3; the exact test is ours.

    >>> z, _ = two_proportions(torch.tensor([600, 1400]), torch.tensor([350, 650]))
    >>> z
    tensor([-2.7753,  2.7753], dtype=torch.float64)
    """
    n, m = _sizes(p, q)
    pooled = (p + q).double() / (n + m)
    variance = pooled * (1 - pooled) * (1 / n + 1 / m)
    z = (p.double() / n - q.double() / m) / variance.clamp_min(1e-300).sqrt()
    chance = torch.from_numpy(2.0 * stats.norm.sf(z.abs().numpy()))
    expected = torch.minimum(pooled, 1 - pooled) * min(n, m)
    for i in torch.nonzero(expected < _FEW).flatten().tolist():
        table = [[int(p[i]), n - int(p[i])], [int(q[i]), m - int(q[i])]]
        chance[i] = float(stats.fisher_exact(table).pvalue) if int(p[i]) + int(q[i]) else 1.0
    return z, chance


def benjamini_hochberg(chances: Tensor) -> Tensor:
    """p-values (k,) adjusted for their number: those below a level have a false discovery rate of at most that level.

    Source: Benjamini and Hochberg 1995.

    >>> benjamini_hochberg(torch.tensor([0.01, 0.04, 0.03]))
    tensor([0.0300, 0.0400, 0.0400])
    """
    order = chances.argsort(descending=True)
    rank = torch.arange(len(chances), 0, -1, dtype=chances.dtype)
    adjusted = torch.empty_like(chances)
    adjusted[order] = (chances[order] * len(chances) / rank).cummin(0).values.clamp_max(1.0)
    return adjusted


class GTest(NamedTuple):
    """A likelihood-ratio test of two histograms."""

    statistic: float
    """G in [0, inf)."""
    freedom: int
    """Degrees of freedom: bins that are not empty in both, less 1."""
    p_value: float
    """Chance of as large a G where both have one law."""


def g_test(p: Tensor, q: Tensor) -> GTest:
    r"""All bins at once: G = 2 sum O log(O / E), against chi-squared, with Williams' correction for small counts.

    Args:
        p: counts (k,).
        q: counts (k,) of the other set.
    Raises:
        ValueError: other shapes, or an empty set.
    Source: Williams 1976; Sokal and Rohlf, Biometry.

    >>> g_test(torch.tensor([10, 20]), torch.tensor([20, 40]))
    GTest(statistic=0.0, freedom=1, p_value=1.0)
    """
    n, m = _sizes(p, q)
    table = torch.stack([p, q]).double()[:, (p + q) > 0]  # (2, bins)
    columns = table.sum(0)
    freedom = len(columns) - 1
    if freedom == 0:
        return GTest(0.0, 0, 1.0)
    expected = torch.tensor([[n], [m]]) * columns / (n + m)
    G = 2.0 * float(torch.xlogy(table, table / expected).sum())
    total = n + m
    correction = 1 + (total / n + total / m - 1) * (total * float(columns.reciprocal().sum()) - 1) / (
        6 * total * freedom
    )
    G = max(G, 0.0) / correction
    return GTest(G, freedom, float(stats.chi2.sf(G, freedom)))


def jensen_shannon(p: Tensor, q: Tensor) -> float:
    """Jensen-Shannon divergence of two histograms, in nats.

    Args:
        p: counts or shares (k,).
        q: likewise.
    Returns:
        In [0, log 2].

    >>> f"{jensen_shannon(torch.tensor([1, 0]), torch.tensor([0, 5])):.4f}"
    '0.6931'
    """
    P, Q = p.double() / p.sum(), q.double() / q.sum()
    middle = 0.5 * (P + Q)
    parts = [torch.xlogy(x, torch.where(x > 0, x / middle, 1.0)).sum() for x in (P, Q)]
    return min(max(0.0, 0.5 * float(parts[0] + parts[1])), math.log(2.0))


def prd_curve(reference: Tensor, evaluated: Tensor, angles: int = 1001) -> tuple[Tensor, Tensor]:
    r"""Precision and recall of one distribution over bins against another, along all trade-offs of the two.

    alpha(l) = sum_i min(l P_i, Q_i) and beta(l) = alpha(l) / l for l = tan of evenly spaced angles.

    Args:
        reference: P, counts or shares of the data (k,).
        evaluated: Q, of the generated samples (k,).
        angles: number of points of the curve.
    Returns:
        Precision alpha and recall beta, (angles,) each, in [0, 1].
    Source: Sajjadi et al. 2018, arXiv:1806.00035, eq. 2 and 3.

    >>> precision, recall = prd_curve(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5]), angles=3)
    >>> precision[1], recall[1]
    (tensor(0.5000, dtype=torch.float64), tensor(0.5000, dtype=torch.float64))
    """
    P, Q = reference.double() / reference.sum(), evaluated.double() / evaluated.sum()
    slopes = torch.linspace(1e-10, math.pi / 2 - 1e-10, angles, dtype=torch.float64).tan()
    precision = torch.minimum(slopes[:, None] * P, Q).sum(1)
    return precision.clamp(0.0, 1.0), (precision / slopes).clamp(0.0, 1.0)


def f_beta(precision: Tensor, recall: Tensor, beta: float) -> Tensor:
    """(1 + beta^2) PR / (beta^2 P + R): recall counts beta times as much; 0 where both are 0.

    >>> f_beta(torch.tensor(1.0), torch.tensor(0.5), 2.0)
    tensor(0.5556)
    """
    below = beta**2 * precision + recall
    return torch.where(below > 0, (1 + beta**2) * precision * recall / below.clamp_min(1e-300), 0.0)


def prd_scores(real: Tensor, fake: Tensor, seed: int, k: int = 20, runs: int = 10) -> dict[str, float]:
    """Precision and recall of distributions, as the best F_1/8 and F_8 of the mean curve over runs of k-means.

    Both sides give as many rows, chosen by the seed, because bins of a larger side would be finer.

    Args:
        real: features (n, d).
        fake: features (m, d).
        seed: of the choice of rows and of every run.
        k: bins of the union.
        runs: of k-means, each from another start.
    Returns:
        ``f_8`` (like recall) and ``f_1_8`` (like precision), in [0, 1].
    Source: Sajjadi et al. 2018, arXiv:1806.00035, section 4.
    """
    rng = torch.Generator().manual_seed(seed)
    n = min(len(real), len(fake))
    real, fake = (rows[torch.randperm(len(rows), generator=rng)[:n]] for rows in (real, fake))
    union = torch.cat([real, fake])
    curves = []
    for _ in range(runs):
        centres = bin_centres(union, k, int(torch.randint(2**31, (), generator=rng)))
        curves.append(torch.stack(prd_curve(histogram(real, centres), histogram(fake, centres))))
    precision, recall = torch.stack(curves).mean(0)
    return {
        "f_8": float(f_beta(precision, recall, 8.0).max()),
        "f_1_8": float(f_beta(precision, recall, 1 / 8).max()),
    }


def ndb(study: Study) -> Result:
    """Number of statistically different bins over the number of bins, at the 5 % level.

    The bins are fitted on one part of the real samples and counted on another (`Study.halves`), so that chance alone
    gives 0.05. Details: ``different_bins``; ``different_bins_fdr``, those that remain at a false discovery rate of 5 %;
    the omnibus ``g_test``; ``jensen_shannon`` of the histograms in nats; ``baseline`` and ``baseline_jensen_shannon``,
    of two halves of the counted real samples. No interval: resampling adds differences of its own.
    """
    fitted, counted = study.half_features
    fake, rng = study.fake_features, study.rng("ndb")
    k = max(2, min(100, len(fitted) // 10, len(counted) // 10))
    centres = bin_centres(fitted, k, int(torch.randint(2**31, (), generator=rng)))
    places = nearest_bin(counted, centres)[torch.randperm(len(counted), generator=rng)]
    p, q = torch.bincount(places, minlength=len(centres)), histogram(fake, centres)
    chances = two_proportions(p, q)[1]
    omnibus = g_test(p, q)
    details: dict[str, Any] = {
        "bins": len(centres),
        "fitted_on": min(len(fitted), _FITTED),
        "n_counted": [len(counted), len(fake)],
        "level": LEVEL,
        "expected_by_chance": LEVEL,
        "different_bins": int((chances < LEVEL).sum()),
        "different_bins_fdr": int((benjamini_hochberg(chances) < LEVEL).sum()),
        "g_test": {"statistic": omnibus.statistic, "freedom": omnibus.freedom, "p_value": omnibus.p_value},
        "jensen_shannon": jensen_shannon(p, q),
    }
    if len(places) >= 2:
        halves = [torch.bincount(part, minlength=len(centres)) for part in places.tensor_split(2)]
        details["baseline"] = float((two_proportions(*halves)[1] < LEVEL).double().mean())
        details["baseline_jensen_shannon"] = jensen_shannon(*halves)
    return Result(details["different_bins"] / len(centres), None, details)


def _sizes(p: Tensor, q: Tensor) -> tuple[int, int]:
    require(p.ndim == 1 and p.shape == q.shape, "counts", (tuple(p.shape), tuple(q.shape)), "as many bins twice")
    n, m = int(p.sum()), int(q.sum())
    require(min(n, m) >= 1, "counts", (n, m), "1 or more samples on each side")
    return n, m
