"""Intervals of a share, and the constant of those of a mean."""

import math

from scipy.special import ndtri
from scipy.stats import beta

from saddle.config import require
from saddle.evaluation.result import Interval

__all__ = ["Z95", "clopper_pearson", "require_counts", "wilson"]

Z95 = 1.959963984540054
"""97.5 % quantile of N(0, 1): standard errors on either side of an estimate in a 95 % interval."""


def clopper_pearson(successes: float, trials: int, level: float = 0.95) -> Interval:
    """Exact interval of a share: it covers the true one with at least the level asked for, at any N.

    A sum of independent numbers in [0, 1] may stand for the count: it varies less than a binomial of the same mean.

    Args:
        successes: 0 to ``trials``.
        trials: 1 or more.
        level: share of data sets whose interval holds the true share, in (0, 1).
    Returns:
        Both ends, in [0, 1].
    Raises:
        ValueError: no such counts.
    Source: Clopper and Pearson 1934, Biometrika 26(4); for sums of other numbers: Hoeffding 1956.

    >>> clopper_pearson(0, 10)
    (0.0, 0.3085)
    """
    require_counts(successes, trials)
    tail, k, n = (1 - level) / 2, successes, trials
    low = float(beta.ppf(tail, k, n - k + 1)) if k > 0 else 0.0
    high = float(beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
    return low, high


def wilson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Score interval of a share: narrower than the exact one, and right on average over the shares.

    Args:
        successes: 0 to ``trials``.
        trials: 1 or more.
        level: in (0, 1).
    Returns:
        Both ends, in [0, 1].
    Raises:
        ValueError: no such counts.
    Source: Wilson 1927.

    >>> wilson(5, 10)
    (0.2366, 0.7634)
    """
    require_counts(successes, trials)
    z2 = float(ndtri((1 + level) / 2)) ** 2
    p, n = successes / trials, trials
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return (middle - half if successes else 0.0), (middle + half if successes < trials else 1.0)


def require_counts(successes: float, trials: int) -> None:
    """Refuse counts that cannot be.

    Raises:
        ValueError: no trials, or more successes than trials, or fewer than none.
    """
    require(trials >= 1, "trials", trials, "1 or more")
    require(0 <= successes <= trials, "successes", successes, f"0 to {trials}")
