"""What glances tell: rates with intervals, signal detection, and a sequential test that says when to stop asking."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtri

from saddle.config import require
from saddle.evaluation.intervals import require_counts

__all__ = ["Detection", "Sequential", "detection", "expected_judgements", "sprt"]


@dataclass(frozen=True)
class Detection:
    """How well two kinds are told apart, and which answer is favoured."""

    d_prime: float
    """z(H) - z(F): 0 at chance, 1 about 69 % right, 3 about 93 %."""
    interval: tuple[float, float]
    """95 %, over judgements taken as independent."""
    criterion: float
    """-(z(H) + z(F)) / 2: above 0 "generated" is the readier answer, below 0 "real"."""


def detection(hits: int, signals: int, false_alarms: int, noises: int) -> Detection:
    r"""Sensitivity d' and criterion c of yes-no judgements, by the log-linear rule.

    $$H = \frac{hits + 1/2}{signals + 1}, \quad F = \frac{false\ alarms + 1/2}{noises + 1}, \quad
    d' = z(H) - z(F), \quad c = -\frac{z(H) + z(F)}{2}$$

    The halves keep both finite when an answer is never given; they draw d' towards 0. Its variance is
    H(1 - H) / (signals φ(z(H))²) and the same of F.

    Args:
        hits: real images judged real.
        signals: real images.
        false_alarms: generated images judged real.
        noises: generated images.
    Raises:
        ValueError: no images of one kind, or more answers than images.
    Source: Hautus 1995, Behavior Research Methods 27; Gourevitch and Galanter 1967 for the variance.

    >>> detection(50, 100, 50, 100).d_prime
    0.0
    """
    require_counts(hits, signals)
    require_counts(false_alarms, noises)
    z, variance = [], 0.0
    for k, n in ((hits, signals), (false_alarms, noises)):
        share = (k + 0.5) / (n + 1)
        z.append(float(ndtri(share)))
        density = math.exp(-(z[-1] ** 2) / 2) / math.sqrt(2 * math.pi)
        variance += share * (1 - share) / (n * density**2)
    d, half = z[0] - z[1], 1.959963984540054 * math.sqrt(variance)
    return Detection(d, (d - half, d + half), -(z[0] + z[1]) / 2)


@dataclass(frozen=True)
class Sequential:
    """Where a sequential test stands."""

    decision: str
    """``better than chance``, ``chance``, or ``undecided``."""
    judgements: int
    """How many it took, or were there."""
    log_ratio: float
    """log likelihood ratio of p1 to p0 at that point."""


def sprt(
    right: Sequence[bool], p0: float = 0.5, p1: float = 0.6, alpha: float = 0.05, beta: float = 0.05
) -> Sequential:
    """Wald's sequential probability ratio test of p = p0 against p = p1, in the order of the judgements.

    Stops with "better than chance" when the log likelihood ratio reaches log((1 - beta) / alpha), with "chance" when
    it falls to log(beta / (1 - alpha)).

    Args:
        right: whether each judgement was right.
        p0: share right at chance.
        p1: the smallest share worth finding; above p0.
        alpha: accepted rate of false findings.
        beta: accepted rate of missed ones.
    Raises:
        ValueError: rates that are not in order.
    Source: Wald 1945.

    >>> sprt([True] * 20).judgements
    17
    """
    require(0 < p0 < p1 < 1, "p0, p1", (p0, p1), "0 < p0 < p1 < 1")
    require(0 < alpha < 0.5 and 0 < beta < 0.5, "alpha, beta", (alpha, beta), "rates in (0, 0.5)")
    high, low = math.log((1 - beta) / alpha), math.log(beta / (1 - alpha))
    up, down = math.log(p1 / p0), math.log((1 - p1) / (1 - p0))
    total = 0.0
    for count, good in enumerate(right, 1):
        total += up if good else down
        if total >= high:
            return Sequential("better than chance", count, total)
        if total <= low:
            return Sequential("chance", count, total)
    return Sequential("undecided", len(right), total)


def expected_judgements(p: float, p0: float = 0.5, p1: float = 0.6, alpha: float = 0.05, beta: float = 0.05) -> float:
    """How many judgements `sprt` takes on average where the share right is p: p0 or p1 (Wald, overshoot ignored).

    Raises:
        ValueError: p is neither.

    >>> expected_judgements(0.5)
    129.83
    """
    require(p in (p0, p1), "p", p, f"{p0} or {p1}")
    high, low = math.log((1 - beta) / alpha), math.log(beta / (1 - alpha))
    drift = p * math.log(p1 / p0) + (1 - p) * math.log((1 - p1) / (1 - p0))
    reach = alpha if p == p0 else 1 - beta  # probability of ending at the upper bound
    return (reach * high + (1 - reach) * low) / drift
