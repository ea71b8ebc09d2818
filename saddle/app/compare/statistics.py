"""What a few seeds can say: means with standard errors, a paired test, its correction, and places."""

import math
from collections.abc import Sequence

import numpy as np

from saddle.config import require

__all__ = ["LEVEL", "fewest_seeds", "holm", "places", "sign_flip", "summary"]

LEVEL = 0.05
"""A difference is called clear when its p-value, corrected for all pairs, is at most this."""
EXACT = 16
"""Pairs up to which all sign flips are tried."""
FLIPS = 100_000
"""Flips drawn at random beyond."""


def summary(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean over seeds and its standard error s / sqrt(K) with s² = sum (x - mean)² / (K - 1).

    Args:
        values: one a seed.
    Returns:
        Both; None for what so few values do not give.

    >>> summary([1.0, 3.0])
    (2.0, 1.0)
    """
    if not values:
        return None, None
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, None
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def sign_flip(differences: Sequence[float]) -> float:
    """Two-sided p-value of paired differences under the hypothesis that each is as likely as its negative.

    p = share of the 2^K choices of signs whose |sum| is at least the one seen (Fisher's randomisation test): exact, for
    any law of the differences. Beyond K = 16 choices are drawn, and p = (1 + as extreme) / (1 + drawn).

    Args:
        differences: one a pair, K >= 1.
    Returns:
        In [2 / 2^K, 1].
    Source: Fisher 1935, The Design of Experiments, section 21.

    >>> sign_flip([1.0, 2.0, 3.0])
    0.25
    """
    d = np.asarray(differences, dtype=np.float64)
    require(len(d) >= 1, "differences", len(d), "1 or more")
    seen = abs(d.sum()) * (1 - 1e-12)  # equal sums, added in another order, must count as equal
    if len(d) <= EXACT:
        signs = 1 - 2 * (np.arange(2 ** len(d))[:, None] >> np.arange(len(d)) & 1)  # (2^K, K)
        return float((abs(signs @ d) >= seen).mean())
    rng = np.random.default_rng(0)
    extreme = sum(
        int((abs(rng.choice((-1.0, 1.0), (FLIPS // 10, len(d))) @ d) >= seen).sum()) for _ in range(10)
    )  # a tenth at a time, for memory
    return (1 + extreme) / (1 + FLIPS)


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected so that one or more false alarms among all tests have at most the level's probability.

    In rising order, p_(i) is multiplied by m - i + 1; a later one is never less than an earlier one.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, least = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        least = max(least, min(1.0, (len(p) - rank) * p[i]))
        corrected[i] = least
    return corrected


def fewest_seeds(arms: int) -> int:
    """Seeds from which on a difference between two of so many arms can be clear at all: m 2 / 2^K <= the level.

    >>> fewest_seeds(2), fewest_seeds(3)
    (6, 7)
    """
    pairs = arms * (arms - 1) // 2
    return math.ceil(math.log2(2 * pairs / LEVEL))


def places(arms: Sequence[str], better: Sequence[tuple[str, str]]) -> dict[str, tuple[int, int]]:
    """The places that each arm may have: behind all that are clearly better, before all that are clearly worse.

    Args:
        arms: their names.
        better: pairs (winner, loser) whose difference is clear.

    >>> places(["a", "b", "c"], [("a", "b"), ("a", "c")])
    {'a': (1, 1), 'b': (2, 3), 'c': (2, 3)}
    """
    above = {arm: sum(loser == arm for _, loser in better) for arm in arms}
    below = {arm: sum(winner == arm for winner, _ in better) for arm in arms}
    return {arm: (1 + above[arm], len(arms) - below[arm]) for arm in arms}
