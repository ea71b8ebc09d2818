"""Strengths from contests: Bradley-Terry for a table of wins, Glicko-2 for rating periods of a tournament."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.config import require

__all__ = ["Rating", "bradley_terry", "expected_score", "glicko2", "rate_tournament"]

_SCALE = 173.7178  # 400 / ln 10, as rounded in Glickman's note


@dataclass(frozen=True)
class Rating:
    """What Glicko-2 holds of a player. The defaults are those of a player nobody has seen play."""

    rating: float = 1500.0
    """How strong: 400 / ln 10 = 173.7 points are odds of e to 1."""
    deviation: float = 350.0
    """RD, how uncertain: rating ± 2 RD is a 95 % interval."""
    volatility: float = 0.06
    """sigma, how much the strength is expected to change between periods."""


def bradley_terry(wins: Tensor, prior: float = 0.0) -> Tensor:
    r"""Maximum-likelihood strengths p with P(i beats j) = p_i / (p_i + p_j), by minorise-maximise steps.

    $$p_i \leftarrow \frac{\sum_j w_{ij}}{\sum_{j \ne i} n_{ij} / (p_i + p_j)}, \qquad n_{ij} = w_{ij} + w_{ji}$$

    Args:
        wins: (K, K), how often i beat j; a draw is half a win for each. The diagonal is not looked at.
        prior: wins added to every pair on both sides. With 0.5 or so the strengths are finite for any table.
    Returns:
        float64 (K,), positive, of sum 1. For K = 2 they are the shares of wins.
    Raises:
        ValueError: another shape, negative or not finite; or some players never lost to any of the others, so that
            the likelihood grows without end: take a prior.
    Source: Bradley and Terry 1952; Hunter 2004, Annals of Statistics 32, eq. 3.

    >>> bradley_terry(torch.tensor([[0.0, 3.0], [1.0, 0.0]]))
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    shape = tuple(wins.shape)
    require(wins.ndim == 2 and shape[0] == shape[1] and shape[0] >= 2, "wins", shape, "a table (K, K), K at least 2")
    w = wins.double() + prior
    require(bool((w.isfinite() & (w >= 0)).all()), "wins", "negative or not finite", "numbers of at least 0")
    w = w.clone().fill_diagonal_(0.0)
    require(
        _connected(w), "wins", w.tolist(), "each group of players to have lost to the others once, or a prior above 0"
    )
    games, total = w + w.T, w.sum(1)
    p = torch.full_like(total, 1 / len(w))
    for _ in range(100_000):
        step = total / (games / (p[:, None] + p)).sum(1)  # (K,)
        step = step / step.sum()
        moved = float((step / p).log().abs().max())
        p = step
        if moved < 1e-14:
            break
    return p


def _connected(w: Tensor) -> bool:
    """Whether a chain of wins leads from every player to every other one."""
    reach = (w > 0).double() + torch.eye(len(w), dtype=torch.float64)
    for _ in range(len(w).bit_length()):
        reach = (reach @ reach > 0).double()
    return bool(reach.all())


def expected_score(player: Rating, opponent: Rating) -> float:
    """E(mu, mu_j, phi_j), the score in (0, 1) that Glicko-2 expects of a player against an opponent (step 3).

    >>> expected_score(Rating(1600), Rating(1600))
    0.5
    """
    g = _impact(opponent.deviation / _SCALE)
    return 1 / (1 + math.exp(-g * (player.rating - opponent.rating) / _SCALE))


def glicko2(player: Rating, opponents: Sequence[Rating], scores: Sequence[float], tau: float = 0.5) -> Rating:
    """A player's rating after one rating period.

    Args:
        player: before the period.
        opponents: one for each game, as they were before the period.
        scores: of the player in [0, 1]: 1 won, 0.5 drawn, 0 lost, or a share of points.
        tau: constrains the change of volatility; Glickman suggests 0.3 to 1.2.
    Returns:
        The rating after it. Without games only the deviation grows. The order of the games plays no part.
    Raises:
        ValueError: unequal numbers of opponents and scores, or scores outside [0, 1].
    Source: Glickman 2013, Example of the Glicko-2 system.

    >>> after = glicko2(Rating(1500, 200), [Rating(1400, 30), Rating(1550, 100), Rating(1700, 300)], [1, 0, 0])
    >>> f"{after.rating:.2f} {after.deviation:.2f} {after.volatility:.5f}"
    '1464.05 151.52 0.06000'
    """
    require(len(opponents) == len(scores), "scores", len(scores), f"{len(opponents)}, one for each opponent")
    require(all(0 <= s <= 1 for s in scores), "scores", list(scores), "numbers in [0, 1]")
    require(tau > 0, "tau", tau, "a number above 0")
    phi = player.deviation / _SCALE
    if not opponents:
        return Rating(player.rating, _SCALE * math.hypot(phi, player.volatility), player.volatility)
    g = [_impact(other.deviation / _SCALE) for other in opponents]
    e = [expected_score(player, other) for other in opponents]
    v = 1 / math.fsum(gj**2 * ej * (1 - ej) for gj, ej in zip(g, e, strict=True))  # step 3
    gain = math.fsum(gj * (s - ej) for gj, s, ej in zip(g, scores, e, strict=True))
    sigma = _volatility(player.volatility, v * gain, phi, v, tau)  # steps 4 and 5
    phi = 1 / math.sqrt(1 / (phi**2 + sigma**2) + 1 / v)  # steps 6 and 7
    return Rating(player.rating + _SCALE * phi**2 * gain, _SCALE * phi, sigma)


def rate_tournament(outcomes: Tensor, tau: float = 0.5) -> tuple[list[Rating], list[Rating]]:
    """Glicko-2 ratings of two teams after periods in which everybody of one plays everybody of the other.

    All ratings of a period follow from those before it, so that the order of the matches plays no part.

    Args:
        outcomes: (periods, A, B), the score in [0, 1] of B's j against A's i.
        tau: see `glicko2`.
    Returns:
        Ratings of A's players and of B's.
    Raises:
        ValueError: another shape, or outcomes outside [0, 1].
    """
    shape = tuple(outcomes.shape)
    require(outcomes.ndim == 3 and min(shape) >= 1, "outcomes", shape, "scores (periods, A, B)")
    a, b = [Rating()] * shape[1], [Rating()] * shape[2]
    for period in outcomes.double():
        a, b = (
            [glicko2(player, b, (1 - row).tolist(), tau) for player, row in zip(a, period, strict=True)],
            [glicko2(player, a, row.tolist(), tau) for player, row in zip(b, period.T, strict=True)],
        )
    return a, b


def _impact(phi: float) -> float:
    """g(phi): an uncertain opponent's result says less."""
    return 1 / math.sqrt(1 + 3 * phi**2 / math.pi**2)


def _volatility(sigma: float, delta: float, phi: float, v: float, tau: float) -> float:
    """sigma', where f crosses zero (step 5)."""
    a = math.log(sigma**2)

    def f(x: float) -> float:
        spread = phi**2 + v + math.exp(x)
        return math.exp(x) * (delta**2 - spread) / (2 * spread**2) - (x - a) / tau**2

    if delta**2 > phi**2 + v:
        low = math.log(delta**2 - phi**2 - v)
    else:
        k = 1
        while f(a - k * tau) < 0:
            k += 1
        low = a - k * tau
    return math.exp(_illinois(f, a, low) / 2)


def _illinois(f: Callable[[float], float], a: float, b: float) -> float:
    """The root of f between a and b, where f has different signs: regula falsi that halves a value that stays put."""
    fa, fb = f(a), f(b)
    while abs(b - a) > 1e-12:
        c = a + (a - b) * fa / (fb - fa)
        fc = f(c)
        if fc * fb <= 0:
            a, fa = b, fb
        else:
            fa /= 2
        b, fb = c, fc
        if fb == 0:
            break
    return b
