"""Supports estimated by balls about samples: precision, recall, density, coverage; realism and rarity (Borji's 24)."""

import math

import torch
from scipy.stats import binom
from torch import Tensor

from saddle.config import require
from saddle.evaluation.pairs import Pairs
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.study import Study

__all__ = [
    "coverage",
    "density",
    "expected_coverage",
    "f1_score",
    "median_interval",
    "own_rarity",
    "precision",
    "precision_recall",
    "rarity",
    "realism",
    "recall",
]

PRECISION_K = 3
"""Radius of a ball for precision and recall: to which neighbour, as Kynkäänniemi et al. have it."""
DENSITY_K = 5
"""Radius of a ball for density and coverage: to which neighbour, as Naeem et al. have it."""
RESAMPLES = 1000
"""Draws of the bootstrap."""


def precision(pairs: Pairs, k: int = PRECISION_K) -> Tensor:
    """Whether each generated sample lies in the ball of some real one; the mean is the precision.

    Args:
        pairs: from `saddle.evaluation.pairs.sweep`.
        k: the ball of a sample reaches to its k-th nearest other.
    Returns:
        float64 (M,) of 0 and 1.
    Source: Kynkäänniemi et al. 2019, eq. 2, arXiv:1904.06991.
    """
    return (pairs.in_real[pairs.ball(k)] > 0).double()


def recall(pairs: Pairs, k: int = PRECISION_K) -> Tensor:
    """Whether each real sample lies in the ball of some generated one; the mean is the recall. As `precision`."""
    return (pairs.in_fake[pairs.ball(k)] > 0).double()


def density(pairs: Pairs, k: int = DENSITY_K) -> Tensor:
    """1/k of the number of real balls that hold each generated sample; the mean is the density, 1 for equal laws.

    Args:
        pairs: from `saddle.evaluation.pairs.sweep`.
        k: the ball of a sample reaches to its k-th nearest other.
    Returns:
        float64 (M,) in [0, N / k].
    Source: Naeem et al. 2020, arXiv:2002.09797.
    """
    return pairs.in_real[pairs.ball(k)].double() / k


def coverage(pairs: Pairs, k: int = DENSITY_K) -> Tensor:
    """Whether the ball of each real sample holds a generated one; the mean is the coverage.

    Args:
        pairs: from `saddle.evaluation.pairs.sweep`.
        k: the ball of a sample reaches to its k-th nearest other.
    Returns:
        float64 (N,) of 0 and 1; the mean of equal laws is `expected_coverage`.
    Source: Naeem et al. 2020, arXiv:2002.09797.
    """
    return pairs.covered[pairs.ball(k)].double()


def expected_coverage(n: int, m: int, k: int = DENSITY_K) -> float:
    r"""Mean coverage when both sides follow one continuous law, whatever it is.

    .. math:: 1 - \prod_{i=1}^{k} \frac{n - i}{n + m - i}

    Of the other n + m - 1 samples in order of distance from a real one, a generated one must be among the first k
    (all of which would else be real).

    Args:
        n: number of real samples, more than k.
        m: number of generated samples.
        k: neighbours.
    Returns:
        In (0, 1).

    >>> f"{expected_coverage(300, 300, 3):.8f}"
    '0.87625104'
    """
    require(n > k >= 1 and m >= 1, "n, m, k", (n, m, k), "n > k >= 1 and m >= 1")
    return 1.0 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))


def own_rarity(pairs: Pairs, k: int = PRECISION_K) -> Tensor:
    """Rarity of each real sample among the others, as if it had been generated; infinite outside their support.

    Without x_j a ball that reaches to the k-th neighbour holds x_j just where x_j is one of the k nearest, and its
    radius is then the distance to the (k + 1)-th.

    Args:
        pairs: with at least k + 1 neighbours.
        k: neighbours.
    Returns:
        float64 (N,). The share of finite ones is the precision of the data themselves.
    """
    require(k < pairs.neighbours, "k", k, f"less than {pairs.neighbours}, the neighbours that the pass kept")
    found = torch.full((len(pairs.rr_index),), torch.inf, dtype=torch.float64)
    radius = pairs.rr_distance[:, k].unsqueeze(1).expand(-1, k)
    return found.scatter_reduce_(0, pairs.rr_index[:, :k].flatten(), radius.flatten(), "amin")


def f1_score(precision: float, recall: float) -> float:
    """Harmonic mean of precision and recall, in [0, 1]; 0 where both are 0.

    >>> f1_score(1.0, 0.5)
    0.6666666666666666
    """
    return 2.0 * precision * recall / (precision + recall) if precision + recall else 0.0


def precision_recall(study: Study) -> Result:
    """Value: F1 of improved precision and recall (k = 3, boundary within); details: precision, recall, density,
    coverage (k = 5), f1, what precision the data have among themselves, what density and coverage are on average for
    equal laws, and Sajjadi's F_8 and F_1/8 (prd).

    ``intervals`` of the five resample the indicators of both sides, the balls held fixed; the headline has f1's.
    """
    from saddle.evaluation.measures.bins import prd_scores

    pairs, rng = study.pairs, study.rng("precision-recall")
    seen = {
        "precision": precision(pairs),
        "recall": recall(pairs),
        "density": density(pairs),
        "coverage": coverage(pairs),
    }
    # Sums over one side are resampled together, so that what belongs to one sample stays together
    fake = _resampled(torch.stack([seen["precision"], seen["density"]]), rng)  # (2, RESAMPLES)
    real = _resampled(torch.stack([seen["recall"], seen["coverage"]]), rng)
    means = {"precision": fake[0], "recall": real[0], "density": fake[1], "coverage": real[1]}
    both = (fake[0] + real[0]).clamp_min(torch.finfo(torch.float64).tiny)
    means["f1"] = 2.0 * fake[0] * real[0] / both
    values = {name: float(held.mean()) for name, held in seen.items()}
    values["f1"] = f1_score(values["precision"], values["recall"])
    intervals = {name: _percentiles(held) for name, held in means.items()}
    seed = int(torch.randint(2**31 - 1, (), generator=rng))
    details = values | {
        "k": PRECISION_K,
        "k_density": DENSITY_K,
        "intervals": intervals,
        "interval_over": "samples of both sides, the balls held fixed",
        "precision_of_data": float(own_rarity(pairs).isfinite().double().mean()),
        "expected_density": 1.0,
        "expected_coverage": expected_coverage(len(study.real), len(study.fake)),
        "prd": prd_scores(study.real_features, study.fake_features, seed),
    }
    return Result(values["f1"], intervals["f1"], details)


def realism(study: Study) -> Result:
    """Value: median over generated samples of max radius / distance over the real balls (k = 3) of less than median
    radius; above 1: within such a ball. Interval: over generated samples, from order statistics.

    Details: mean (infinite with copies), share_within, quartiles, and all ``scores``.
    """
    scores = study.pairs.realism
    q = scores.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)).tolist()
    details = {
        "k": study.pairs.balls[0],
        "mean": float(scores.mean()),
        "share_within": float((scores >= 1.0).double().mean()),
        "quartiles": q,
        "interval_over": "generated samples, the balls held fixed",
        "scores": scores.tolist(),
    }
    return Result(float(scores.median()), median_interval(scores), details)


def rarity(study: Study) -> Result:
    """Value: mean radius of the smallest real ball (k = 3) that holds a generated sample, of those that any holds;
    infinite where none does. Interval: bootstrap over those samples.

    Details: share_within, both of the data among themselves (of_data, share_of_data), quartiles, and all ``scores``
    (null outside).
    """
    pairs = study.pairs
    scores, k = pairs.rarity[0], pairs.balls[0]
    within, own = scores[scores.isfinite()], own_rarity(pairs, k)
    details = {
        "k": k,
        "share_within": len(within) / len(scores),
        "of_data": float(own[own.isfinite()].mean()),
        "share_of_data": float(own.isfinite().double().mean()),
        "interval_over": "generated samples within the data's support, the balls held fixed",
        "scores": scores.tolist(),
    }
    if not len(within):
        return Result(math.inf, None, details)
    details["quartiles"] = within.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)).tolist()
    interval = _percentiles(_resampled(within.unsqueeze(0), study.rng("rarity"))[0]) if len(within) > 1 else None
    return Result(float(within.mean()), interval, details)


def median_interval(values: Tensor) -> Interval | None:
    """95 % interval of a median from order statistics, right for every law; None for fewer than 6 values.

    The number of values below the median is Binomial(n, 1/2).

    Args:
        values: (n,), any order.

    >>> median_interval(torch.arange(10.0))
    (1.0, 8.0)
    """
    n = len(values)
    if n < 6:  # the whole range covers 1 - 2^{1 - n} only
        return None
    r = int(binom.ppf(0.025, n, 0.5))  # fewer than r below: at most 2.5 %
    ordered = values.sort().values
    return float(ordered[r - 1]), float(ordered[n - r])


def _resampled(rows: Tensor, rng: torch.Generator) -> Tensor:
    """Bootstrap means of each row of (c, n), float64 (c, RESAMPLES), the columns drawn together."""
    n = rows.shape[1]
    means = torch.empty(len(rows), RESAMPLES, dtype=torch.float64)
    for start in range(0, RESAMPLES, 100):
        drawn = torch.randint(n, (100, n), generator=rng)
        means[:, start : start + 100] = rows[:, drawn].mean(2)
    return means


def _percentiles(draws: Tensor) -> Interval:
    low, high = draws.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high
