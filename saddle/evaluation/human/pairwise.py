"""What comparisons and ratings tell: win rates, strengths and mean opinions, each with an interval over raters."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_ndtr, stdtrit
from torch import Tensor

from saddle.config import require
from saddle.evaluation.measures.glicko import bradley_terry

__all__ = ["FEW", "Strengths", "mean_opinion", "over_raters", "strengths", "thurstone", "win_rates"]

FEW = 5
"""With fewer raters than this a bootstrap over them claims too much."""
PRIOR = 0.5
"""Wins added to both sides of every pair, so that a source which never lost has a finite strength."""
REPEATS = 1000
"""Bootstrap repeats."""


def over_raters(
    per_rater: Tensor, statistic: Callable[[Tensor], Tensor], rng: torch.Generator, repeats: int = REPEATS
) -> tuple[Tensor, Tensor]:
    """Ends of the 95 % percentile interval of a statistic of the raters' summed tables, raters drawn anew.

    Args:
        per_rater: (R, ...), one table a rater.
        statistic: summed table (...) -> (K,).
        rng: of the draws.
        repeats: how many.
    Returns:
        Two float64 (K,).
    Raises:
        ValueError: fewer than 5 raters.
    """
    raters = len(per_rater)
    require(raters >= FEW, "raters", raters, f"{FEW} or more for a bootstrap over them")
    draws = torch.randint(raters, (repeats, raters), generator=rng)
    weights = torch.zeros(repeats, raters, dtype=torch.float64)
    weights.scatter_add_(1, draws, torch.ones_like(draws, dtype=torch.float64))  # how often each rater was drawn
    tables = torch.tensordot(weights, per_rater.double(), dims=1)  # (repeats, ...)
    found = torch.stack([statistic(table) for table in tables])  # (repeats, K)
    low, high = found.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64), dim=0)
    return low, high


def win_rates(wins: Tensor) -> Tensor:
    """Share of its comparisons with each other source that each source won.

    Args:
        wins: (K, K), how often i was preferred to j.
    Returns:
        float64 (K, K) in [0, 1]; 1/2 on the diagonal and where two never met.

    >>> win_rates(torch.tensor([[0, 3], [1, 0]]))[0, 1]
    tensor(0.7500, dtype=torch.float64)
    """
    w = _table(wins)
    met = w + w.T
    return torch.where(met > 0, w / met.clamp(min=1e-300), torch.full_like(w, 0.5))


@dataclass(frozen=True)
class Strengths:
    """Bradley-Terry strengths as log-odds against the first source."""

    log_odds: Tensor
    """float64 (K,), 0 for the first: how often source i beats it is 1 / (1 + exp(-log_odds[i]))."""
    low: Tensor | None
    """Lower ends of the 95 % intervals (K,); None with fewer than 5 raters."""
    high: Tensor | None
    """Upper ends."""


def strengths(wins: Tensor, rng: torch.Generator) -> Strengths:
    """Strengths of K sources of which R raters compared pairs, with a bootstrap over raters.

    Half a win is added to each side of every pair, which draws strengths together a little.

    Args:
        wins: (R, K, K), how often rater r preferred i to j.
        rng: of the bootstrap.
    Raises:
        ValueError: another shape or no numbers of wins.
    """
    require(wins.ndim == 3 and len(wins) >= 1, "wins", tuple(wins.shape), "a table (K, K) for each of 1 or more raters")
    total = _table(wins.double().sum(0))
    if len(wins) < FEW:
        return Strengths(_log_odds(total), None, None)
    low, high = over_raters(wins, _log_odds, rng)
    return Strengths(_log_odds(total), low, high)


def thurstone(wins: Tensor) -> Tensor:
    r"""Thurstone's scale (case V): P(i beats j) = Phi(s_i - s_j), by maximum likelihood.

    Half a win is added to each side of every pair, as in `strengths`. The scale's unit is the standard deviation of
    a difference; it is about 0.6 of the log-odds of Bradley and Terry.

    Args:
        wins: (K, K), how often i was preferred to j.
    Returns:
        float64 (K,), 0 for the first.
    Raises:
        ValueError: another shape or no numbers of wins.
    Source: Thurstone 1927; Mosteller 1951.

    >>> thurstone(torch.tensor([[0.0, 0.0], [10.0, 0.0]])) > 1
    tensor([False,  True])
    """
    w = (_table(wins) + PRIOR).fill_diagonal_(0).numpy()

    def cost(free: np.ndarray) -> tuple[float, np.ndarray]:
        s = np.concatenate([[0.0], free])
        gap = s[:, None] - s  # (K, K)
        log_p = log_ndtr(gap)
        ratio = np.exp(-(gap**2) / 2 - math.log(math.sqrt(2 * math.pi)) - log_p)  # phi / Phi
        pull = w * ratio
        return -float((w * log_p).sum()), -(pull.sum(1) - pull.sum(0))[1:]

    found = minimize(cost, np.zeros(len(w) - 1), jac=True, method="BFGS", options={"gtol": 1e-9})
    return torch.from_numpy(np.concatenate([[0.0], found.x]))


def mean_opinion(ratings: Tensor) -> tuple[float, tuple[float, float] | None]:
    """Mean of the raters' means, with Student's interval over raters.

    Args:
        ratings: (R, U), NaN where a rater did not rate an item.
    Returns:
        The mean, and its 95 % interval over raters within [1, 5]; None for one rater.
    Raises:
        ValueError: nobody rated anything, or ratings outside [1, 5].

    >>> mean_opinion(torch.tensor([[1.0, 3.0], [3.0, 5.0]]))[0]
    3.0
    """
    held = ratings.double()
    require(held.ndim == 2, "ratings", tuple(held.shape), "(raters, items)")
    there = ~held.isnan()
    require(bool(there.any()), "ratings", "none", "1 or more")
    require(bool(((held >= 1) & (held <= 5))[there].all()), "ratings", "outside [1, 5]", "1 to 5")
    means = torch.stack([row[known].mean() for row, known in zip(held, there, strict=True) if known.any()])
    value, n = float(means.mean()), len(means)
    if n == 1:
        return value, None
    half = float(stdtrit(n - 1, 0.975)) * float(means.std()) / math.sqrt(n)
    return value, (max(1.0, value - half), min(5.0, value + half))


def _log_odds(total: Tensor) -> Tensor:
    p = bradley_terry(total, prior=PRIOR).log()
    return p - p[0]


def _table(wins: Tensor) -> Tensor:
    w, shape = wins.double(), tuple(wins.shape)
    require(w.ndim == 2 and shape[0] == shape[1] and shape[0] >= 2, "wins", shape, "a table (K, K), K at least 2")
    require(bool((w.isfinite() & (w >= 0)).all()), "wins", "negative or not finite", "numbers of at least 0")
    return w.clone().fill_diagonal_(0.0)
