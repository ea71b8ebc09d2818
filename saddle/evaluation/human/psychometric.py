"""How accuracy grows with duration: curves fitted by maximum likelihood, and staircases."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import binom

from saddle.config import require

__all__ = [
    "THREE_UP_ONE_DOWN", "Curve", "fit_curve", "logistic", "reversal_threshold", "staircase_durations", "weibull"
]  # fmt: skip

Numbers = NDArray[np.float64]
Shape = Callable[[Numbers, float, float | Numbers], Numbers]

THREE_UP_ONE_DOWN = 0.5 ** (1 / 3)
"""Share right where a staircase that asks for three right answers stays: p³ = 1/2, 79.4 %."""
MOST_LAPSES = 0.1
"""Greatest share of careless answers that a fit may find."""
SLOPES = (0.2, 30.0)
"""Flattest and steepest curve that a fit may find."""
REACH = 10.0
"""A threshold is looked for from a tenth of the shortest to ten times the longest duration."""


def logistic(t: Numbers, threshold: float, slope: float | Numbers) -> Numbers:
    """1 / (1 + (t / threshold)^-slope): a logistic curve in log t, 1/2 at the threshold."""
    return np.asarray(1 / (1 + np.exp(-slope * np.log(t / threshold))))


def weibull(t: Numbers, threshold: float, slope: float | Numbers) -> Numbers:
    """1 - exp(-(t / threshold)^slope), 1 - 1/e at the threshold."""
    return np.asarray(-np.expm1(-np.exp(np.minimum(slope * np.log(t / threshold), 700))))


@dataclass(frozen=True)
class Curve:
    """psi(t) = guess + (1 - guess - lapse) F(t; threshold, slope)."""

    shape: Shape
    """F."""
    threshold: float
    """Duration where F is 1/2 (`logistic`) or 1 - 1/e (`weibull`), in the unit of t."""
    slope: float
    """How steep F is in log t."""
    lapse: float
    """Share of careless answers at any duration."""
    guess: float
    """Share right at no duration: 1/2 of two alternatives."""
    log_likelihood: float
    """Of the data at the fit, nats."""
    interval: tuple[float, float]
    """95 % of the threshold by the profile of the likelihood; an end that is `bounds`' own is unknown."""
    bounds: tuple[float, float]
    """Where the threshold was looked for."""
    p_chance: float
    """Probability that guessing gets as many right (exact, one-sided): where it is not small, the threshold means
    nothing."""

    def __call__(self, t: Numbers) -> Numbers:
        """Share right at durations t."""
        return self.guess + (1 - self.guess - self.lapse) * self.shape(t, self.threshold, self.slope)

    def duration_at(self, share: float) -> float:
        """Duration at which this share of the answers is right; infinite where lapses keep it from being reached."""
        top = 1 - self.lapse
        require(self.guess < share < 1, "share", share, f"above {self.guess} and under 1")
        if share >= top:
            return math.inf
        middle = math.log(self.threshold)
        low, high = middle - 700 / self.slope, middle + 700 / self.slope
        for _ in range(200):  # F rises in log t, so halving finds the place
            middle = (low + high) / 2
            below = float(self(np.array([math.exp(min(max(middle, -700), 700))]))[0]) < share
            low, high = (middle, high) if below else (low, middle)
        return math.exp(min(max(low, -700), 700))


def fit_curve(
    t: Sequence[float], right: Sequence[int], total: Sequence[int], shape: Shape = logistic, guess: float = 0.5
) -> Curve:
    """The curve of greatest binomial likelihood, its lapse rate within [0, 0.1].

    Args:
        t: durations, positive, any unit; equal ones may be given together or apart.
        right: right answers at each.
        total: answers at each.
        shape: F, `logistic` or `weibull`.
        guess: share right by guessing.
    Raises:
        ValueError: fewer than 2 different durations, or counts that are none.
    Source: Wichmann and Hill 2001, Perception & Psychophysics 63.
    """
    x, k, n = (np.asarray(v, dtype=np.float64) for v in (t, right, total))
    require(x.ndim == 1 and x.shape == k.shape == n.shape, "t, right, total", (x.shape, k.shape, n.shape), "one length")
    require(bool(np.all(np.isfinite(x) & (x > 0))), "t", t, "durations above 0")
    require(len(np.unique(x)) >= 2, "t", t, "2 or more different durations")
    require(
        bool(np.all((n >= 1) & (k >= 0) & (k <= n))), "right, total", (right, total), "0 <= right <= total, total >= 1"
    )
    bounds = (float(x.min()) / REACH, float(x.max()) * REACH)
    problem = _Problem(x, k, n, shape, guess)
    grid = np.geomspace(*bounds, 121)
    profile, slopes, lapses = (np.array(column) for column in zip(*map(problem.profile, grid), strict=True))
    top = int(profile.argmax())
    best, threshold, slope, lapse = problem.climb(float(grid[top]), float(slopes[top]), float(lapses[top]), bounds)
    ends = _interval(np.log(grid), profile, math.log(threshold), best)
    p_chance = float(binom.sf(k.sum() - 1, n.sum(), guess))
    return Curve(shape, threshold, slope, lapse, guess, best, ends, bounds, p_chance)


@dataclass(frozen=True)
class _Problem:
    t: Numbers
    right: Numbers
    total: Numbers
    shape: Shape
    guess: float

    def log_likelihood(self, threshold: float, slope: Numbers, lapse: Numbers) -> Numbers:
        """(...) for slopes and lapses that broadcast to (..., 1)."""
        p = self.guess + (1 - self.guess - lapse) * self.shape(self.t, threshold, slope)  # (..., T)
        p = np.clip(p, 1e-12, 1 - 1e-12)
        return np.asarray(np.log(p) @ self.right + np.log1p(-p) @ (self.total - self.right))

    def profile(self, threshold: float) -> tuple[float, float, float]:
        """Greatest likelihood at this threshold over a grid of slopes and lapse rates, and where it is."""
        slopes, lapses = np.geomspace(*SLOPES, 49), np.linspace(0, MOST_LAPSES, 11)
        values = self.log_likelihood(threshold, slopes[:, None, None], lapses[None, :, None])  # (49, 11)
        i, j = np.unravel_index(int(values.argmax()), values.shape)
        return float(values[i, j]), float(slopes[i]), float(lapses[j])

    def climb(
        self, threshold: float, slope: float, lapse: float, bounds: tuple[float, float]
    ) -> tuple[float, float, float, float]:
        """The top near a point of the grid: likelihood, threshold, slope, lapse rate."""

        def cost(v: Numbers) -> float:
            return -float(self.log_likelihood(math.exp(v[0]), np.exp(v[1:2]), v[2:3])) / float(self.total.sum())

        box = [tuple(map(math.log, bounds)), tuple(map(math.log, SLOPES)), (0.0, MOST_LAPSES)]
        start = np.array([math.log(threshold), math.log(slope), lapse])
        fit = minimize(cost, start, bounds=box, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9})
        at = fit.x if fit.fun <= cost(start) else start
        return -cost(at) * float(self.total.sum()), math.exp(at[0]), math.exp(at[1]), float(at[2])


def _interval(logs: Numbers, profile: Numbers, peak: float, best: float) -> tuple[float, float]:
    """Where the profile falls 1.92 (half the 95 % point of chi-square with 1 degree of freedom) below its top."""
    enough = best - 1.920729410347062
    ends = []
    for side in (-1, 1):
        outwards = [i for i in range(len(logs))[::side] if (logs[i] - peak) * side > 0]
        inside, height = peak, best
        for i in outwards:
            if profile[i] < enough:  # between two points of the grid the fall is taken as straight
                inside += (logs[i] - inside) * (height - enough) / (height - profile[i])
                break
            inside, height = float(logs[i]), float(profile[i])
        ends.append(math.exp(inside))
    return ends[0], ends[1]


def staircase_durations(
    right: Sequence[bool], start: float = 500.0, step: float = 1.25, low: float = 50.0, high: float = 2000.0
) -> list[float]:
    """Durations of a staircase: three right in a row shorten by ``step``, one wrong lengthens by it.

    Args:
        right: the answers so far, N of them.
        start: the first duration.
        step: factor above 1.
        low: shortest duration.
        high: longest.
    Returns:
        N + 1 durations, the last one for the next trial.
    Source: Levitt 1971, Journal of the Acoustical Society of America 49.

    >>> staircase_durations([True, True, True, False], start=100, step=2)
    [100, 100, 100, 50.0, 100.0]
    """
    require(
        step > 1 and low <= start <= high, "start, step", (start, step), f"step above 1, start from {low} to {high}"
    )
    durations, run = [start], 0
    for good in right:
        now = durations[-1]
        run = run + 1 if good else 0
        if not good:
            now = min(high, now * step)
        elif run == 3:
            now, run = max(low, now / step), 0
        durations.append(now)
    return durations


def reversal_threshold(durations: Sequence[float], discard: int = 2) -> float | None:
    """Geometric mean of the durations where a staircase turned, the first ``discard`` turns left out.

    An even number is used, so that upper and lower turns weigh the same. With three right against one wrong it
    estimates the duration at which `THREE_UP_ONE_DOWN` of the answers are right.

    Returns:
        In the unit of the durations; None with fewer than 2 turns left.

    >>> reversal_threshold([8, 4, 2, 4, 2, 4, 2], discard=0)
    2.8284
    """
    logs = [math.log(duration) for duration in durations]
    moves = [(b - a, a) for a, b in pairwise(logs) if b != a]
    turns = [level for (before, _), (after, level) in pairwise(moves) if before * after < 0]
    turns = turns[discard:]
    turns = turns[len(turns) % 2 :]
    return math.exp(math.fsum(turns) / len(turns)) if turns else None
